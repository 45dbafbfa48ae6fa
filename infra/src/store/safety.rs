//! What must be true of the database server before anything is promised on it.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait};

use crate::db::Db;

/// The lock under which PostgreSQL processes migrate.
const MIGRATION_LOCK: i64 = 0x6d61_7368_616e_6702;

#[derive(Debug, thiserror::Error)]
pub enum Unsafe {
    #[error(
        "database: {setting} = {value}: must be on, or scans that were answered could be lost with a crash"
    )]
    Setting { setting: &'static str, value: String },
    #[error("database: the self-check failed: {0}")]
    Check(#[from] DbErr),
}

/// Refuses a PostgreSQL that may forget what it has committed.
pub async fn check(db: &Db) -> Result<(), Unsafe> {
    if !db.is_postgres() {
        return Ok(());
    }
    for setting in ["full_page_writes", "synchronous_commit", "fsync"] {
        let query = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT current_setting($1)",
            [setting.into()],
        );
        let row =
            db.conn().query_one_raw(query).await?.ok_or_else(|| DbErr::Custom("no answer".to_owned()))?;
        let value: String = row.try_get_by_index(0)?;
        // A test server on a throw-away disk says so by its cluster name.
        if value == "off" && !is_throw_away(db).await? {
            return Err(Unsafe::Setting { setting, value });
        }
    }
    Ok(())
}

async fn is_throw_away(db: &Db) -> Result<bool, DbErr> {
    let query = Statement::from_string(DbBackend::Postgres, "SELECT current_setting('cluster_name')");
    let row = db.conn().query_one_raw(query).await?;
    Ok(row.map(|r| r.try_get_by_index::<String>(0)).transpose()?.is_some_and(|name| name == "mashang-test"))
}

/// Waits until no other process migrates; holds the turn until it is dropped.
pub async fn migration_turn(db: &Db) -> Result<Option<DatabaseTransaction>, DbErr> {
    if !db.is_postgres() {
        return Ok(None);
    }
    let tx = db.unbounded().begin().await?;
    tx.execute_raw(Statement::from_string(
        DbBackend::Postgres,
        "SET LOCAL idle_in_transaction_session_timeout = 0",
    ))
    .await?;
    let lock = Statement::from_string(
        DbBackend::Postgres,
        format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"),
    );
    tx.execute_raw(lock).await?;
    Ok(Some(tx))
}
