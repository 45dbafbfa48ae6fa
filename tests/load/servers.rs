//! The private PostgreSQL and Redis that `tests/load/run` has started, and fresh databases on them.

use std::path::PathBuf;

use anyhow::Context;
use sea_orm::{ConnectOptions, ConnectionTrait, Database as Orm, DatabaseConnection, DbBackend, Statement};

/// Servers that write as in production: fsync and synchronous_commit on, AOF every second.
pub struct Servers {
    pg_url: String,
    pub redis_url: String,
    pub pg_pid: u32,
    /// On the disk of the servers; databases of one file go here.
    pub folder: PathBuf,
}

/// A database of its own; dropped by [`Database::drop_it`], at the latest with the servers.
pub struct Database {
    pub url: String,
    name: String,
}

impl Database {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Servers {
    pub fn from_environment() -> anyhow::Result<Self> {
        let word =
            |name: &str| std::env::var(name).with_context(|| format!("{name}: start me with tests/load/run"));
        Ok(Self {
            pg_url: word("LOAD_PG_URL")?,
            redis_url: word("LOAD_REDIS_URL")?,
            pg_pid: word("LOAD_PG_PID")?.parse()?,
            folder: word("LOAD_FOLDER")?.into(),
        })
    }

    /// An empty database.
    pub async fn database(&self, name: &str) -> anyhow::Result<Database> {
        let server = connect(&self.pg_url, 1).await?;
        server.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
        let (head, _) = self.pg_url.rsplit_once('/').context("a URL with a database")?;
        Ok(Database { url: format!("{head}/{name}"), name: name.to_owned() })
    }

    pub async fn drop_database(&self, database: Database) -> anyhow::Result<()> {
        let server = connect(&self.pg_url, 1).await?;
        server.execute_unprepared(&format!("DROP DATABASE {} WITH (FORCE)", database.name)).await?;
        Ok(())
    }

    /// Writes what is dirty now, so that the next measurement does not pay for the last one.
    pub async fn checkpoint(&self) -> anyhow::Result<()> {
        connect(&self.pg_url, 1).await?.execute_unprepared("CHECKPOINT").await?;
        Ok(())
    }

    /// One word that the server answers, such as to `SHOW server_version`.
    pub async fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let server = connect(&self.pg_url, 1).await?;
        let row = server.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        Ok(row.context("an answer")?.try_get_by_index(0)?)
    }

    /// The server's URL for programs of PostgreSQL: a folder with a socket and the database `postgres`.
    pub fn pg_socket_folder(&self) -> PathBuf {
        self.folder.join("pg")
    }
}

pub async fn connect(url: &str, connections: u32) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(connections).min_connections(connections).sqlx_logging(false);
    Orm::connect(options).await.context("the benchmark's own connection")
}
