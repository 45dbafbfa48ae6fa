//! Day partitions of `scan` on PostgreSQL: one per Asia/Shanghai day, named `scan_pYYYYMMDD`.
//!
//! A day is attached as a table of its own, because `CREATE TABLE .. PARTITION OF` would lock every scan out while it
//! runs. Old days are dropped whole, which costs nothing per row. SQLite has no partitions: everything here does nothing
//! there.

use std::fmt::Write;

use mashang_domain::time::{DAY, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement, TransactionTrait, sqlx};

use crate::db::Db;

/// The lock under which partitions are made and dropped.
const PARTITION_LOCK: i64 = 0x6d61_7368_616e_6702;

/// Days that are made in one transaction: each takes some ten entries of PostgreSQL's lock table.
const DAYS_AT_ONCE: usize = 64;

/// What [`drop_before`] dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    pub partitions: u64,
    pub rows: u64,
}

/// Makes the partitions of all days from that of `from` to that of `to`, as far as they are missing. Two processes may
/// do it at once.
pub async fn ensure_days(db: &Db, from: Timestamp, to: Timestamp) -> Result<(), DbErr> {
    let mut days = Vec::new();
    let mut day = from.shanghai_day_start();
    while db.is_postgres() && day <= to {
        days.push(day);
        day = day + DAY;
    }
    ensure(db, &days).await
}

/// Makes the partitions of these instants' days.
pub async fn ensure_days_of(db: &Db, instants: impl IntoIterator<Item = Timestamp>) -> Result<(), DbErr> {
    if !db.is_postgres() {
        return Ok(());
    }
    let mut days: Vec<Timestamp> = instants.into_iter().map(Timestamp::shanghai_day_start).collect();
    days.sort();
    days.dedup();
    ensure(db, &days).await
}

async fn ensure(db: &Db, days: &[Timestamp]) -> Result<(), DbErr> {
    if days.is_empty() {
        return Ok(());
    }
    let present: Vec<String> = partitions(db.conn()).await?.into_iter().map(|p| p.name).collect();
    let missing: Vec<Timestamp> = days.iter().copied().filter(|day| !present.contains(&name(*day))).collect();
    for some in missing.chunks(DAYS_AT_ONCE) {
        db.conn().execute_unprepared(&making(some)).await?;
    }
    Ok(())
}

/// One block, and so one transaction, that makes these days. It looks again once it holds the lock.
fn making(days: &[Timestamp]) -> String {
    let mut block = format!("DO $$ BEGIN PERFORM pg_advisory_xact_lock({PARTITION_LOCK});");
    for day in days {
        let (name, from, to) = (name(*day), day.millis(), (*day + DAY).millis());
        let _ = write!(
            block,
            " IF to_regclass('{name}') IS NULL THEN \
             CREATE TABLE {name} (LIKE scan INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES); \
             ALTER TABLE scan ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to}); END IF;"
        );
    }
    block + " END $$"
}

fn name(day: Timestamp) -> String {
    format!("scan_p{}", day.shanghai_day().format("%Y%m%d"))
}

struct Partition {
    name: String,
    end: Timestamp,
}

/// The partitions there are, oldest first.
async fn partitions(db: &impl ConnectionTrait) -> Result<Vec<Partition>, DbErr> {
    const SQL: &str = "\
        SELECT c.relname::text, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?(-?[0-9]+)''?\\)')::int8 \
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid \
        WHERE i.inhparent = to_regclass('scan') ORDER BY 2";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, SQL)).await?;
    rows.iter()
        .map(|row| Ok(Partition { name: row.try_get_by_index(0)?, end: Timestamp(row.try_get_by_index(1)?) }))
        .collect()
}

/// Drops every partition whose day has ended at `cutoff`, each in a transaction of its own, and counts what was in it.
pub async fn drop_before(db: &Db, cutoff: Timestamp) -> Result<Dropped, DbErr> {
    let mut dropped = Dropped::default();
    if !db.is_postgres() {
        return Ok(dropped);
    }
    for old in partitions(db.conn()).await?.into_iter().filter(|p| p.end <= cutoff) {
        if let Some(rows) = drop_one(db, &old.name).await? {
            dropped.partitions += 1;
            dropped.rows += rows;
        }
    }
    Ok(dropped)
}

/// `None` when somebody else has dropped it meanwhile.
async fn drop_one(db: &Db, name: &str) -> Result<Option<u64>, DbErr> {
    let tx = db.conn().begin().await?;
    // Dropping waits for whoever reads the table, and everybody else waits behind it: give up early, the job comes again.
    let lock = format!("SET LOCAL lock_timeout = '3s'; SELECT pg_advisory_xact_lock({PARTITION_LOCK})");
    tx.execute_unprepared(&lock).await?;
    let is_there = format!("SELECT to_regclass('{name}') IS NOT NULL");
    let found = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, is_there)).await?;
    if !found.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(false) {
        tx.rollback().await?;
        return Ok(None);
    }
    let count = format!("SELECT count(*) FROM {name}");
    let counted = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, count)).await?;
    let rows: i64 = counted.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
    tx.execute_unprepared(&format!("DROP TABLE {name}")).await?;
    tx.commit().await?;
    Ok(Some(u64::try_from(rows).unwrap_or(0)))
}

/// Whether a statement failed because the day of a row has no partition.
pub fn is_missing_partition(error: &DbErr) -> bool {
    matches!(sqlstate(error).as_deref(), Some("23514"))
        && error.to_string().contains("no partition of relation")
}

/// The SQLSTATE of a failed statement (PostgreSQL), or SQLite's extended code.
pub(crate) fn sqlstate(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) => match &**e {
            sqlx::Error::Database(e) => e.code().map(|c| c.into_owned()),
            _ => None,
        },
        _ => None,
    }
}
