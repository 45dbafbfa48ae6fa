//! One runner per tick of a periodic job, however many processes fire it.
//!
//! The primary key of `job_tick` is the whole mechanism: whoever inserts (job, tick) first runs it. There is no lock to
//! lose when a connection is recycled and none to leak when a query is cancelled. A runner that dies leaves its tick
//! claimed and unfinished; the next tick does the work, because every job works on what is due in the database.

use mashang_domain::time::Timestamp;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Order, Query};
use sea_orm::{ConnectionTrait, DbErr, DeriveIden};

use crate::bugs::{self, Bug};

#[derive(DeriveIden)]
enum JobTick {
    Table,
    Job,
    Tick,
    ClaimedAt,
    FinishedAt,
    Result,
}

/// A tick that has been worked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedTick {
    /// The instant the job was due.
    pub tick: Timestamp,
    pub finished_at: Timestamp,
    /// What the runner reported, such as `deleted 120`; never personal data.
    pub result: String,
}

/// Claims the `tick` of `job` for the caller. True exactly once for each (job, tick), over all processes.
///
/// Processes must compute the same `tick`: the instant the job was due (its schedule's, rounded), not the time it is.
///
/// # Errors
/// When the database is out of reach. The claim may then stand or not; a tick is not claimed again to find out.
pub async fn try_claim_tick(
    db: &impl ConnectionTrait,
    job: &str,
    tick: Timestamp,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let claim = Query::insert()
        .into_table(JobTick::Table)
        .columns([JobTick::Job, JobTick::Tick, JobTick::ClaimedAt])
        .values_panic([job.into(), tick.millis().into(), now.millis().into()])
        .on_conflict(OnConflict::columns([JobTick::Job, JobTick::Tick]).do_nothing().to_owned())
        .to_owned();
    Ok(db.execute(&claim).await?.rows_affected() == 1 || bugs::has(Bug::TickTwice))
}

/// Records that the claimed `tick` has been worked through, and with what `result`.
///
/// # Errors
/// When the database is out of reach, or the tick was never claimed ([`DbErr::RecordNotUpdated`]).
pub async fn finish_tick(
    db: &impl ConnectionTrait,
    job: &str,
    tick: Timestamp,
    now: Timestamp,
    result: &str,
) -> Result<(), DbErr> {
    let finish = Query::update()
        .table(JobTick::Table)
        .value(JobTick::FinishedAt, now.millis())
        .value(JobTick::Result, result)
        .and_where(Expr::col(JobTick::Job).eq(job))
        .and_where(Expr::col(JobTick::Tick).eq(tick.millis()))
        .to_owned();
    match db.execute(&finish).await?.rows_affected() {
        0 => Err(DbErr::RecordNotUpdated),
        _ => Ok(()),
    }
}

/// The latest tick of `job` that was finished, if there is one: what a start looks at to run what was missed.
///
/// # Errors
/// When the database is out of reach.
pub async fn last_finished(db: &impl ConnectionTrait, job: &str) -> Result<Option<FinishedTick>, DbErr> {
    let latest = Query::select()
        .columns([JobTick::Tick, JobTick::FinishedAt])
        .expr_as(Expr::col(JobTick::Result).if_null(""), Alias::new("result"))
        .from(JobTick::Table)
        .and_where(Expr::col(JobTick::Job).eq(job))
        .and_where(Expr::col(JobTick::FinishedAt).is_not_null())
        .order_by(JobTick::Tick, Order::Desc)
        .limit(1)
        .to_owned();
    let Some(row) = db.query_one(&latest).await? else { return Ok(None) };
    Ok(Some(FinishedTick {
        tick: Timestamp(row.try_get("", "tick")?),
        finished_at: Timestamp(row.try_get("", "finished_at")?),
        result: row.try_get("", "result")?,
    }))
}

/// Deletes the ticks before `before` and answers how many: the table grows with every job otherwise. Ticks must be
/// kept for longer than any process may lag behind, or a late process would run one again.
///
/// # Errors
/// When the database is out of reach.
pub async fn forget_ticks(db: &impl ConnectionTrait, before: Timestamp) -> Result<u64, DbErr> {
    let old = Query::delete()
        .from_table(JobTick::Table)
        .and_where(Expr::col(JobTick::Tick).lt(before.millis()))
        .to_owned();
    Ok(db.execute(&old).await?.rows_affected())
}
