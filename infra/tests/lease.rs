//! A tick of a job has one runner, on both databases.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use mashang_domain::time::{DAY, MINUTE, Timestamp};
use mashang_infra::lease::{FinishedTick, finish_tick, forget_ticks, last_finished, try_claim_tick};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use uuid::Uuid;

const TABLE: &str = "CREATE TABLE job_tick (job text NOT NULL, tick bigint NOT NULL, claimed_at bigint NOT NULL, \
     finished_at bigint, result text, PRIMARY KEY (job, tick))";

const DUE: Timestamp = Timestamp::from_secs(1_581_480_000);

/// A database that outlives the test by nothing: a file, or a schema that is dropped.
struct Bench {
    db: DatabaseConnection,
    dropping: Option<String>,
    _dir: Option<tempfile::TempDir>,
}

impl Bench {
    async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/ticks.db?mode=rwc", dir.path().display());
        let db = Database::connect(url).await.unwrap();
        db.execute_unprepared(TABLE).await.unwrap();
        Self { db, dropping: None, _dir: Some(dir) }
    }

    async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("TEST_PG_URL") else {
            support::skip("TEST_PG_URL names no PostgreSQL");
            return None;
        };
        let schema = format!("lease_{}", Uuid::new_v4().simple());
        let db = Database::connect(&url).await.unwrap();
        db.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        let mut options = ConnectOptions::new(url);
        options.set_schema_search_path(&schema);
        let db = Database::connect(options).await.unwrap();
        db.execute_unprepared(TABLE).await.unwrap();
        Some(Self { db, dropping: Some(schema), _dir: None })
    }

    async fn close(self) {
        if let Some(schema) = self.dropping {
            self.db.execute_unprepared(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
        }
        self.db.close().await.unwrap();
    }
}

async fn a_tick_is_claimed_once(db: &DatabaseConnection) {
    assert!(try_claim_tick(db, "sweep", DUE, DUE + 5).await.unwrap());
    assert!(!try_claim_tick(db, "sweep", DUE, DUE + 6).await.unwrap());
    assert!(try_claim_tick(db, "retention", DUE, DUE).await.unwrap());
    assert!(try_claim_tick(db, "sweep", DUE + MINUTE, DUE + MINUTE).await.unwrap());
}

async fn of_many_who_fire_a_tick_one_runs_it(db: &DatabaseConnection) {
    for n in 0..50 {
        let tick = DUE + n * MINUTE;
        let claims: Vec<_> = (0..8)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { try_claim_tick(&db, "sweep", tick, tick).await.unwrap() })
            })
            .collect();
        let mut runners = 0;
        for claim in claims {
            runners += usize::from(claim.await.unwrap());
        }
        assert_eq!(runners, 1, "tick {n}");
    }
}

async fn the_last_finished_tick_is_known(db: &DatabaseConnection) {
    assert_eq!(last_finished(db, "sweep").await.unwrap(), None);
    for n in 0..3 {
        assert!(try_claim_tick(db, "sweep", DUE + n * MINUTE, DUE).await.unwrap());
    }
    assert_eq!(last_finished(db, "sweep").await.unwrap(), None, "claimed is not finished");
    finish_tick(db, "sweep", DUE, DUE + 9, "found 3").await.unwrap();
    finish_tick(db, "sweep", DUE + MINUTE, DUE + MINUTE + 9, "found 4").await.unwrap();
    let last =
        FinishedTick { tick: DUE + MINUTE, finished_at: DUE + MINUTE + 9, result: "found 4".to_owned() };
    assert_eq!(last_finished(db, "sweep").await.unwrap(), Some(last));
    assert_eq!(last_finished(db, "retention").await.unwrap(), None);
    let unclaimed = finish_tick(db, "retention", DUE, DUE, "").await;
    assert!(matches!(unclaimed, Err(DbErr::RecordNotUpdated)), "{unclaimed:?}");
}

async fn old_ticks_are_forgotten(db: &DatabaseConnection) {
    for n in 0..4 {
        assert!(try_claim_tick(db, "sweep", DUE + n * DAY, DUE).await.unwrap());
    }
    assert_eq!(forget_ticks(db, DUE + 2 * DAY).await.unwrap(), 2);
    assert!(!try_claim_tick(db, "sweep", DUE + 2 * DAY, DUE).await.unwrap(), "the rest is still claimed");
}

macro_rules! suite {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let bench = super::Bench::sqlite().await;
                super::$name(&bench.db).await;
                bench.close().await;
            })+
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                let Some(bench) = super::Bench::postgres().await else { return };
                super::$name(&bench.db).await;
                bench.close().await;
            })+
        }
    };
}

suite! {
    a_tick_is_claimed_once,
    of_many_who_fire_a_tick_one_runs_it,
    the_last_finished_tick_is_known,
    old_ticks_are_forgotten,
}
