//! Day partitions of `scan` on PostgreSQL: one per Asia/Shanghai day, named `scan_pYYYYMMDD`.
//!
//! A day is attached as a table of its own, because `CREATE TABLE .. PARTITION OF` would lock every scan out while it
//! runs. Old days are dropped whole by [`super::retention`]. SQLite has no partitions: everything here does nothing there.

use std::fmt::Write;

use mashang_domain::time::{DAY, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement, sqlx};

use crate::db::Db;

/// The lock under which partitions are made.
const PARTITION_LOCK: i64 = 0x6d61_7368_616e_6704;

/// Days that are made in one transaction: each takes some ten entries of PostgreSQL's lock table.
const DAYS_AT_ONCE: usize = 64;

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
    let present = partitions(db.conn()).await?;
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

/// The names of the partitions there are.
async fn partitions(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    const SQL: &str = "\
        SELECT c.relname::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid \
        WHERE i.inhparent = to_regclass('scan')";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, SQL)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
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
