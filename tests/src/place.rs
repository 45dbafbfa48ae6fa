//! Where one test keeps its data: an SQLite file, or a PostgreSQL database and a corner of Redis.
//!
//! Databases of the service form are copies of one template that is migrated once for all tests of a build; they are
//! dropped with the test.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use uuid::Uuid;

use crate::process::binary;

/// The lock under which the template is made.
const TEMPLATE_LOCK: i64 = 0x6d61_7368_7465_7374;

/// The two ways to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One process, one file.
    Sqlite,
    /// Two processes over PostgreSQL and Redis.
    Service,
}

/// Says that a test is skipped; fails it when the run demands all tests.
#[expect(clippy::print_stderr, reason = "a skipped test says so where its reader looks")]
pub fn skip(why: &str) {
    let required = std::env::var_os("MASHANG_TESTS_REQUIRE_ALL").is_some();
    assert!(!required, "all tests are required: {why}");
    eprintln!("skipped: {why}");
}

/// The data of one test; dropped with it.
pub struct Place {
    pub database_url: String,
    /// Empty in the embedded form.
    pub redis_url: String,
    pub redis_prefix: String,
    server: Option<String>,
}

impl Place {
    /// A fresh place, or `None` when the servers of this form are not there.
    pub async fn make(form: Form, folder: &Path) -> anyhow::Result<Option<Self>> {
        let redis_prefix = format!("t{}", Uuid::new_v4().simple());
        match form {
            Form::Sqlite => {
                let database_url = format!("sqlite://{}", folder.join("mashang.db").display());
                Ok(Some(Self { database_url, redis_url: String::new(), redis_prefix, server: None }))
            }
            Form::Service => {
                let (Ok(server), Ok(redis_url)) =
                    (std::env::var("TEST_PG_URL"), std::env::var("TEST_REDIS_URL"))
                else {
                    skip("TEST_PG_URL and TEST_REDIS_URL are not set");
                    return Ok(None);
                };
                let database_url = copy_of_template(&server, folder).await?;
                Ok(Some(Self { database_url, redis_url, redis_prefix, server: Some(server) }))
            }
        }
    }

    /// A connection of the test's own, to look at what is stored.
    pub async fn connect(&self) -> anyhow::Result<DatabaseConnection> {
        connect(&self.database_url).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(server) = self.server.take() else { return };
        let name = self.database_url.rsplit('/').next().unwrap_or_default().to_owned();
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let conn = connect(&server).await?;
                execute(&conn, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
            })
        });
        let _ = dropped.join();
    }
}

async fn connect(url: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.context("the test's own connection")
}

async fn execute(conn: &DatabaseConnection, sql: &str) -> anyhow::Result<()> {
    conn.execute_unprepared(sql).await.with_context(|| sql.to_owned()).map(|_| ())
}

fn sibling(server: &str, name: &str) -> String {
    match server.rsplit_once('/') {
        Some((head, _)) => format!("{head}/{name}"),
        None => format!("{server}/{name}"),
    }
}

async fn copy_of_template(server: &str, folder: &Path) -> anyhow::Result<String> {
    let template = format!("tpl_{:016x}", build_of(&binary("mashang-api")?)?);
    let conn = connect(server).await?;
    let known = format!("SELECT 1 FROM pg_database WHERE datname = '{template}'");
    let known = Statement::from_string(DbBackend::Postgres, known);
    if conn.query_one_raw(known.clone()).await?.is_none() {
        execute(&conn, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await?;
        if conn.query_one_raw(known).await?.is_none() {
            make_template(&conn, server, &template, folder).await?;
        }
        execute(&conn, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await?;
    }
    let name = format!("t_{}", Uuid::new_v4().simple());
    execute(&conn, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
    Ok(sibling(server, &name))
}

/// Another build may have other tables.
fn build_of(binary: &Path) -> anyhow::Result<u64> {
    let about = std::fs::metadata(binary)?;
    let mut hasher = DefaultHasher::new();
    (about.len(), about.modified()?).hash(&mut hasher);
    Ok(hasher.finish())
}

async fn make_template(
    conn: &DatabaseConnection,
    server: &str,
    template: &str,
    folder: &Path,
) -> anyhow::Result<()> {
    let raw = format!("{template}_raw");
    execute(conn, &format!("DROP DATABASE IF EXISTS {raw} WITH (FORCE)")).await?;
    execute(conn, &format!("CREATE DATABASE {raw}")).await?;
    let config = folder.join("template.toml");
    let (url, keys) = (sibling(server, &raw), folder.join("template-keys.toml"));
    let text = format!("[database]\nurl = \"{url}\"\n[keys]\nfile = \"{}\"\n", keys.display());
    std::fs::write(&config, text)?;
    let output = Command::new(binary("mashang-api")?)
        .args([Path::new("--config"), &config, Path::new("migrate")])
        .current_dir(folder)
        .output()?;
    ensure!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
    execute(conn, &format!("ALTER DATABASE {raw} RENAME TO {template}")).await
}
