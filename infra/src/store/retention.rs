//! Deletes what is too old: walks the retention table of the rules, one bounded statement after the other.
//!
//! No transaction is long: rows go in chunks, days of scans by dropping their partition. Whoever repeats an interrupted
//! run deletes the rest; a run without anything to delete changes nothing but the audit log, which gets one entry with
//! the counts.

mod audit_trim;
mod days;
mod people;

use mashang_config::Retention;
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::protection::retention::{Kept, Key, Period, RetentionDays, Rule, TABLE};
use mashang_domain::time::{DAY, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use serde_json::{Map, Value};

pub(crate) use self::days::partitions;
use super::audit::{self, Act};
use crate::db::Db;

/// Rows that one statement deletes at most.
const CHUNK: u64 = 10_000;

/// The job's name, in the audit log and among the ticks.
pub const JOB: &str = "retention";

/// How many rows of a table were deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeCount {
    pub table: &'static str,
    pub deleted: u64,
}

/// The settings as the rules know them.
pub fn days(settings: &Retention) -> RetentionDays {
    RetentionDays {
        scans: settings.scans_days,
        login_codes: settings.login_codes_days,
        sessions: settings.sessions_days,
        traces: settings.traces_days,
        deliveries: settings.deliveries_days,
        idempotency: settings.idempotency_days,
        imports: settings.imports_days,
        jobs: settings.job_days,
        audit: settings.audit_days,
        health: settings.health_days,
        code_checks: settings.code_checks_days,
    }
}

/// Deletes everything that is older at `now` than its limit. Answers the tables that have one, with zeros.
///
/// # Errors
/// When the database is out of reach or keeps a table locked; what was deleted until then stays deleted.
pub async fn purge(db: &Db, settings: &Retention, now: Timestamp) -> Result<Vec<PurgeCount>, DbErr> {
    let days = days(settings);
    let mut counts = Vec::new();
    for kept in TABLE {
        if let Some(deleted) = purge_table(db, kept, &days, now).await? {
            counts.push(PurgeCount { table: kept.table, deleted });
        }
    }
    record(db, &counts, now).await?;
    Ok(counts)
}

async fn purge_table(
    db: &Db,
    kept: &Kept,
    days: &RetentionDays,
    now: Timestamp,
) -> Result<Option<u64>, DbErr> {
    let limit = |period: Period| now - i64::from(days.of(period)) * DAY;
    let deleted = match kept.rule {
        Rule::After { period, since } => in_chunks(db, kept.table, &older(since, limit(period))).await?,
        Rule::DaysAfter { period, since } if db.is_postgres() => {
            days::drop_before(db, kept.table, since, limit(period)).await?
        }
        Rule::DaysAfter { period, since } => in_chunks(db, kept.table, &older(since, limit(period))).await?,
        Rule::With { parent, key, period, since } => {
            let gone = older(since, limit(period));
            in_chunks(db, kept.table, &in_parent(key, parent, &gone)).await?
        }
        Rule::Unused { period, .. } => people::delete_unused(db, limit(period)).await?,
        Rule::Trimmed { period, .. } => audit_trim::trim(db, limit(period)).await?,
        Rule::Along { .. } | Rule::UntilTheEnd | Rule::Outlives => return Ok(None),
    };
    Ok(Some(deleted))
}

fn in_parent(key: Key, parent: &str, gone: &str) -> String {
    format!("{} IN (SELECT {} FROM {parent} WHERE {gone})", key.column, key.of)
}

fn older(since: &str, limit: Timestamp) -> String {
    format!("{since} < {}", limit.millis())
}

/// Deletes the rows for which `condition` holds, chunk by chunk.
async fn in_chunks(db: &Db, table: &str, condition: &str) -> Result<u64, DbErr> {
    let chosen = |row: &str| format!("SELECT {row} FROM {table} WHERE {condition} LIMIT {CHUNK}");
    let statement = if db.is_postgres() {
        format!("DELETE FROM {table} WHERE ctid = ANY(ARRAY({}))", chosen("ctid"))
    } else {
        format!("DELETE FROM {table} WHERE rowid IN ({})", chosen("rowid"))
    };
    let mut deleted = 0;
    loop {
        let tx = db.begin_write().await?;
        let raw = Statement::from_string(tx.get_database_backend(), statement.as_str());
        let rows = tx.execute_raw(raw).await?.rows_affected();
        tx.commit().await?;
        deleted += rows;
        if rows < CHUNK {
            return Ok(deleted);
        }
    }
}

/// The entry of a run: a count for each table.
async fn record(db: &Db, counts: &[PurgeCount], now: Timestamp) -> Result<(), DbErr> {
    let detail: Map<String, Value> =
        counts.iter().map(|c| (c.table.to_owned(), Value::from(c.deleted))).collect();
    let tx = db.begin_write().await?;
    let (anchor, _) = audit::anchor(&*tx).await?;
    let act = Act {
        actor: &Actor::System(JOB),
        action: "retention.run",
        purpose: Purpose::Retention,
        subject: None,
        object_kind: "audit_anchor",
        object_id: anchor.to_string(),
        detail: Value::Object(detail),
    };
    audit::append(&*tx, act, now).await?;
    tx.commit().await
}
