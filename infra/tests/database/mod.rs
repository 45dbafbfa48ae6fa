//! Migrated databases of both kinds, one for each test.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use mashang_config::{Settings, load_with};
use mashang_infra::db::Db;
use mashang_migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database as Orm, DbBackend, Statement};
use uuid::Uuid;

/// A database of its own; `close` removes it.
pub struct Database {
    pub db: Db,
    pub settings: Settings,
    pub name: &'static str,
    server: Option<(String, String)>,
    _dir: tempfile::TempDir,
}

impl Database {
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}/test.db", dir.path().display());
        Self::open(&url, "sqlite", None, dir).await
    }

    /// On the server that `TEST_PG_URL` names; none when the variable is not set.
    pub async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("TEST_PG_URL") else {
            assert!(std::env::var_os("MASHANG_TESTS_REQUIRE_ALL").is_none(), "TEST_PG_URL is not set");
            say("skipped: TEST_PG_URL is not set");
            return None;
        };
        let name = format!("scans_{}", Uuid::new_v4().simple());
        let admin = Orm::connect(&server).await.expect("PostgreSQL answers");
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("created");
        let url = format!("{}/{name}", server.rsplit_once('/').expect("a database in the URL").0);
        let dir = tempfile::tempdir().expect("a directory");
        Some(Self::open(&url, "postgres", Some((server, name)), dir).await)
    }

    /// SQLite, and PostgreSQL where there is one.
    pub async fn all() -> Vec<Self> {
        let mut all = vec![Self::sqlite().await];
        all.extend(Self::postgres().await);
        all
    }

    async fn open(
        url: &str,
        name: &'static str,
        server: Option<(String, String)>,
        dir: tempfile::TempDir,
    ) -> Self {
        let settings = load_with(None, vec![("MASHANG__DATABASE__URL".to_owned(), url.to_owned())]);
        let settings = settings.expect("the default settings");
        let db = Db::connect(&settings.database).await.expect("connects");
        Migrator::up(&db.unbounded(), None).await.expect("migrates");
        Self { db, settings, name, server, _dir: dir }
    }

    /// A second pool over the same database, as another process has it.
    pub async fn again(&self) -> Db {
        Db::connect(&self.settings.database).await.expect("connects")
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let backend = if self.db.is_postgres() { DbBackend::Postgres } else { DbBackend::Sqlite };
        let row = self.db.conn().query_one_raw(Statement::from_string(backend, sql)).await.expect("counts");
        row.expect("a row").try_get_by_index(0).expect("a number")
    }

    pub async fn run(&self, sql: &str) {
        self.db.conn().execute_unprepared(sql).await.expect("runs");
    }

    pub async fn close(self) {
        self.db.unbounded().close().await.expect("closes");
        if let Some((server, name)) = self.server {
            let admin = Orm::connect(&server).await.expect("PostgreSQL answers");
            admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.expect("dropped");
        }
    }
}

/// A line for whoever reads the test's output.
#[expect(clippy::print_stderr, reason = "tests say what they skip and how long they took")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// Reproducible chance: splitmix64.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0..n.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}
