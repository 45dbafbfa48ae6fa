//! A migrated database for one test: an SQLite file, or a schema of the PostgreSQL at `TEST_PG_URL`.

use mashang_config::{Database, Settings};
use mashang_infra::db::Db;
use mashang_migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support;

pub struct Bench {
    pub db: Db,
    pub dir: TempDir,
    schema: Option<(Db, String)>,
}

pub fn settings() -> Settings {
    mashang_config::load_with(None, Vec::new()).unwrap()
}

async fn connect(url: String) -> Db {
    let database = Database { url, ..settings().database };
    Db::connect(&database).await.unwrap()
}

impl Bench {
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = connect(format!("sqlite://{}/mashang.db", dir.path().display())).await;
        Migrator::up(&db.unbounded(), None).await.unwrap();
        Self { db, dir, schema: None }
    }

    pub async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("TEST_PG_URL") else {
            support::skip("TEST_PG_URL names no PostgreSQL");
            return None;
        };
        let schema = format!("protection_{}", Uuid::new_v4().simple());
        let admin = connect(url.clone()).await;
        admin.conn().execute_unprepared(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        let sign = if url.contains('?') { '&' } else { '?' };
        let db = connect(format!("{url}{sign}options[search_path]={schema}")).await;
        Migrator::up(&db.unbounded(), None).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        Some(Self { db, dir, schema: Some((admin, schema)) })
    }

    pub async fn run(&self, sql: &str) {
        self.db.conn().execute_unprepared(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let ask = Statement::from_string(self.db.conn().get_database_backend(), sql);
        let row = self.db.conn().query_one_raw(ask).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}")).await
    }

    pub async fn close(self) {
        if let Some((admin, schema)) = self.schema {
            admin.conn().execute_unprepared(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
        }
    }
}

/// Runs an async scenario on SQLite, and on PostgreSQL where there is one.
macro_rules! on_both {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            let bench = crate::bench::Bench::sqlite().await;
            super::$name(&bench).await;
            bench.close().await;
        })+ }
        mod postgres { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            let Some(bench) = crate::bench::Bench::postgres().await else { return };
            super::$name(&bench).await;
            bench.close().await;
        })+ }
    };
}
pub(crate) use on_both;
