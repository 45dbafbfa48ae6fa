//! The connection to the database, in both forms.
//!
//! SQLite has one writer: every writing transaction is BEGIN IMMEDIATE (a deferred one fails as soon as two read before
//! they write) and waits its turn inside the process. [`Db::begin_write`] is the only way to open one.
//!
//! On PostgreSQL nothing waits for ever. A server that is away says so, but a network that swallows packets says nothing
//! at all: every statement has a bound on our side too, and a watch replaces a pool that has fallen silent.

mod bounded;
mod pool;
mod turns;
mod waiting;
mod watch;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use mashang_config::Database;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{Connection as _, SqliteConnection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub(crate) use bounded::Bound;
pub use bounded::{Conn, Tx};
use pool::Plans;

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    conn: Conn,
    /// The turn to write; `None` on PostgreSQL.
    turn: Option<Arc<Mutex<()>>>,
}

/// A writing transaction; rolled back when dropped without [`WriteTx::commit`].
pub struct WriteTx {
    tx: Tx,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Db {
    /// Connects; creates the file (and its folder) of an SQLite database.
    pub async fn connect(settings: &Database) -> Result<Self, DbErr> {
        if settings.is_postgres() { postgres(settings).await } else { sqlite(settings).await }
    }

    /// As [`Db::connect`], for a process whose statements look up each row by its index. While a table fills, statistics
    /// say that it is empty, and PostgreSQL would read it from end to end for each statement.
    pub async fn connect_by_index(settings: &Database) -> Result<Self, DbErr> {
        if !settings.is_postgres() {
            return sqlite(settings).await;
        }
        Ok(Self { conn: Conn::postgres(settings, Plans::ByIndex).await?, turn: None })
    }

    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    pub fn is_postgres(&self) -> bool {
        self.conn.get_database_backend() == DbBackend::Postgres
    }

    /// The bare connections of now, for what knows its own bounds: migrations, COPY, long reads.
    pub fn unbounded(&self) -> DatabaseConnection {
        self.conn.pool().conn.clone()
    }

    /// Opens a writing transaction.
    pub async fn begin_write(&self) -> Result<WriteTx, DbErr> {
        let turn = match &self.turn {
            Some(mutex) => Some(Arc::clone(mutex).lock_owned().await),
            None => None,
        };
        let mode = turn.is_some().then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
        Ok(WriteTx { tx: self.conn.begin(options).await?, _turn: turn })
    }

    /// Rebuilds an SQLite file without free pages and cuts its log to nothing; nothing to do on PostgreSQL.
    ///
    /// # Errors
    /// When readers keep the log in use; call again.
    pub async fn rebuild(&self) -> Result<(), DbErr> {
        let Some(turn) = &self.turn else { return Ok(()) };
        let _turn = turn.lock().await;
        self.conn.execute_unprepared("VACUUM").await?;
        let cut = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
        let row = self.conn.query_one_raw(cut).await?;
        match row.map_or(Ok(0), |r| r.try_get::<i64>("", "busy"))? {
            0 => Ok(()),
            _ => Err(DbErr::Custom("the log of the database is in use".to_owned())),
        }
    }

    /// One trivial statement: is the database there?
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.conn
            .query_one_raw(Statement::from_string(self.conn.get_database_backend(), "SELECT 1"))
            .await
            .map(|_| ())
    }
}

impl WriteTx {
    /// Lifts the bounds on statements, ours and the server's, for work that takes as long as it takes.
    pub async fn take_your_time(&self) -> Result<(), DbErr> {
        self.tx.take_your_time().await
    }

    /// Commits. After an error it is not known whether it was carried out, unless the database itself refused it.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.tx.commit().await
    }

    pub async fn rollback(self) -> Result<(), DbErr> {
        self.tx.rollback().await
    }
}

impl Deref for WriteTx {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

fn common(settings: &Database, url: String) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    let wait = Duration::from_millis(settings.acquire_timeout_ms);
    options
        .max_connections(settings.max_connections)
        .acquire_timeout(wait)
        .connect_timeout(wait)
        .sqlx_logging(false);
    options
        .idle_timeout(Duration::from_secs(600))
        .max_lifetime(Duration::from_secs(1800))
        .test_before_acquire(false);
    options
}

async fn postgres(settings: &Database) -> Result<Db, DbErr> {
    Ok(Db { conn: Conn::postgres(settings, Plans::Any).await?, turn: None })
}

async fn sqlite(settings: &Database) -> Result<Db, DbErr> {
    let path = settings.url.trim_start_matches("sqlite:").trim_start_matches("//");
    if let Some(folder) = std::path::Path::new(path.split('?').next().unwrap_or(path)).parent() {
        std::fs::create_dir_all(folder).map_err(|e| DbErr::Custom(format!("{}: {e}", folder.display())))?;
    }
    let url =
        if settings.url.contains('?') { settings.url.clone() } else { format!("{}?mode=rwc", settings.url) };
    let mut options = common(settings, url);
    options.map_sqlx_sqlite_opts(|o| {
        o.journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true)
            // Each connection has its own and fills it, all of them 32 MB; the kernel has the pages of the file as well.
            .pragma("cache_size", "-2048")
            .pragma("temp_store", "memory")
            // What is deleted is overwritten, in the file and in the pages that become free.
            .pragma("secure_delete", "on")
    });
    options.map_sqlx_sqlite_before_acquire(|conn, _| Box::pin(std::future::ready(Ok(is_at_rest(conn)))));
    let conn = Conn::sqlite(sea_orm::Database::connect(options).await?);
    Ok(Db { conn, turn: Some(Arc::new(Mutex::new(()))) })
}

/// On a full disk SQLite ends a transaction by itself, and the driver goes on believing in it: the next one would be a
/// savepoint in it, whose rollback keeps the lock on the file for ever. Such a connection is not used again.
fn is_at_rest(conn: &SqliteConnection) -> bool {
    !conn.is_in_transaction()
}

/// Whether trying again may help: the connection is gone, the pool is empty, the server is starting, stopping, out of
/// space, or gave up waiting for a lock.
pub fn is_transient(error: &DbErr) -> bool {
    use sea_orm::{RuntimeErr, SqlxError};
    let runtime = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return true,
        DbErr::Exec(e) | DbErr::Query(e) => e,
        _ => return false,
    };
    let RuntimeErr::SqlxError(e) = runtime else { return false };
    match e.as_ref() {
        SqlxError::Io(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed
        | SqlxError::Protocol(_) => true,
        // 08 connection, 53 resources, 57 operator intervention, 40 rollback, 55P03 lock; SQLite: 5 busy, 6 locked, 13 full.
        SqlxError::Database(d) => d.code().is_some_and(|c| {
            ["08", "53", "57", "40", "55P03"].iter().any(|p| c.starts_with(p) && c.len() == 5)
                || c.parse::<i32>().is_ok_and(|n| c.len() < 5 && matches!(n & 0xff, 5 | 6 | 13))
        }),
        _ => false,
    }
}
