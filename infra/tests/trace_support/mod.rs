//! The tables a trace reads, on SQLite and PostgreSQL, and how to fill them fast.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::HashMap;
use std::fmt::Write;

use mashang_domain::time::{DAY, Timestamp};
use mashang_domain::venue::ScanPoint;
use mashang_infra::store::trace::POSTGRES_TERMS;
use mashang_migration::MigratorTrait;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use uuid::Uuid;

/// A database of its own for one test; gone when it is dropped or closed.
pub struct TestDb {
    pub db: DatabaseConnection,
    pub name: &'static str,
    schema: Option<String>,
    _dir: Option<tempfile::TempDir>,
}

impl TestDb {
    pub async fn sqlite() -> TestDb {
        let dir = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}/trace.db?mode=rwc", dir.path().display());
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let db = Database::connect(options).await.expect("SQLite opens");
        run(&db, "pragma journal_mode = off").await;
        run(&db, "pragma synchronous = off").await;
        TestDb { db, name: "sqlite", schema: None, _dir: Some(dir) }
    }

    /// A schema of its own on the server that `TEST_PG_URL` names; none when the variable is not set.
    pub async fn postgres() -> Option<TestDb> {
        let Ok(url) = std::env::var("TEST_PG_URL") else {
            assert!(std::env::var_os("MASHANG_TESTS_REQUIRE_ALL").is_none(), "TEST_PG_URL is not set");
            say("skipped: TEST_PG_URL is not set");
            return None;
        };
        let schema = format!("trace_{}", Uuid::new_v4().simple());
        let mut options = ConnectOptions::new(&url);
        options.max_connections(1).sqlx_logging(false);
        let admin = Database::connect(options).await.expect("PostgreSQL answers");
        run(&admin, &format!("create schema {schema}")).await;
        admin.close().await.expect("closes");
        let mut options = ConnectOptions::new(&url);
        options.max_connections(1).sqlx_logging(false).set_schema_search_path(&schema);
        let db = Database::connect(options).await.expect("PostgreSQL answers");
        run(&db, &POSTGRES_TERMS.replace("LOCAL ", "")).await;
        Some(TestDb { db, name: "postgres", schema: Some(schema), _dir: None })
    }

    /// SQLite, and PostgreSQL where there is one.
    pub async fn all() -> Vec<TestDb> {
        let mut all = vec![TestDb::sqlite().await];
        all.extend(TestDb::postgres().await);
        all
    }

    /// Makes the tables, with a partition for every day that these scans touch.
    pub async fn create_tables(&self, first: Timestamp, last: Timestamp) {
        create_tables(&self.db, first, last).await;
    }

    pub async fn close(self) {
        if let Some(schema) = &self.schema {
            run(&self.db, &format!("drop schema {schema} cascade")).await;
        }
        self.db.close().await.expect("closes");
    }
}

/// The schema as it is in production, with partitions of these days.
async fn create_tables(db: &DatabaseConnection, first: Timestamp, last: Timestamp) {
    mashang_migration::Migrator::up(db, None).await.expect("migrates");
    let postgres = db.get_database_backend() == DbBackend::Postgres;
    let mut day = first.shanghai_day_start();
    while postgres && day <= last {
        let (name, end) = (day.shanghai_day().format("%Y%m%d"), day + DAY);
        let (from, to) = (day.millis(), end.millis());
        run(db, &format!("create table scan_{name} partition of scan for values from ({from}) to ({to})"))
            .await;
        day = end;
    }
}

/// One row of `scan`.
#[derive(Clone)]
pub struct Row {
    pub person_id: Uuid,
    pub scan: ScanPoint,
    pub repeat: bool,
}

/// Writes the rows and their venues. A venue whose reference is its id has none in the table.
pub async fn load(db: &DatabaseConnection, rows: &[Row]) {
    let postgres = db.get_database_backend() == DbBackend::Postgres;
    let id = |id: Uuid| if postgres { format!("'{id}'") } else { format!("x'{}'", id.simple()) };
    let mut venues = HashMap::new();
    for row in rows {
        venues.insert(row.scan.venue_id, &row.scan.venue_ref);
    }
    let venues: Vec<_> = venues.into_iter().collect();
    for chunk in venues.chunks(1000) {
        let value = |(venue, external): &(Uuid, &std::sync::Arc<str>)| {
            let own = venue.to_string() == external[..];
            let external = if own { "null".to_owned() } else { format!("'{external}'") };
            format!("({}, {external}, '', 'restaurant', '530102', '', 1, 'approved', 0, 0)", id(*venue))
        };
        let values: Vec<String> = chunk.iter().map(value).collect();
        let columns = "id, external_ref, name, category, division_code, address, key_version, state, created_at, updated_at";
        run(db, &format!("insert into venue ({columns}) values {}", values.join(","))).await;
    }
    run(db, "begin").await;
    for chunk in rows.chunks(1000) {
        let mut sql = String::from(
            "insert into scan (id, person_id, venue_id, zone_id, direction, at, received_at, companions, suspect, \
             repeat, source) values ",
        );
        for (i, Row { person_id, scan, repeat }) in chunk.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let zone = scan.zone_id.map_or("null".to_owned(), id);
            let at = scan.at.millis();
            write!(
                sql,
                "{comma}({},{},{},{zone},'{}',{at},{at},0,{},{repeat},'app')",
                id(scan.id),
                id(*person_id),
                id(scan.venue_id),
                scan.direction,
                scan.suspect
            )
            .expect("writes");
        }
        run(db, &sql).await;
    }
    run(db, "commit").await;
    run(db, "analyze").await;
}

pub async fn run(db: &DatabaseConnection, sql: &str) {
    if let Err(error) = db.execute_unprepared(sql).await {
        panic!("{error}: {}", &sql[..sql.len().min(300)]);
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
    pub fn below(&mut self, n: u64) -> i64 {
        (self.next() % n) as i64
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    pub fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }
}
