//! Alerts on their way out: the states that the notifier moves, and what an alert came to.

use std::collections::BTreeMap;

use mashang_domain::alert::AlertState;
use mashang_domain::delivery::DeliveryState;
use mashang_domain::time::Timestamp;
use mashang_entity::alert;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait};
use serde::Serialize;
use uuid::Uuid;

use super::statement::Raw;
use super::{delivery, notice};

pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<alert::Model>, DbErr> {
    alert::Entity::find_by_id(id).one(db).await
}

/// Reads an alert and keeps it as it is until the transaction ends: it cannot be cancelled meanwhile.
pub async fn hold(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<alert::Model>, DbErr> {
    let raw = Raw::new(tx, "SELECT * FROM alert WHERE id = ").bind(id).either(" FOR SHARE", "");
    alert::Entity::find().from_raw_sql(raw.done()).one(tx).await
}

/// `approved -> sending`; true when it is sending now or was before.
pub async fn begin_sending(tx: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    let raw =
        Raw::new(tx, "UPDATE alert SET state = 'sending' WHERE state IN ('approved', 'sending') AND id = ");
    Ok(tx.execute_raw(raw.bind(id).done()).await?.rows_affected() == 1)
}

/// Records that every notice and delivery of the alert is written.
pub async fn fanned_out(tx: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<bool, DbErr> {
    let raw = Raw::new(tx, "UPDATE alert SET fanned_out_at = ").bind(now);
    let raw = raw.sql(" WHERE state = 'sending' AND fanned_out_at IS NULL AND id = ").bind(id);
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// Alerts whose fan-out is not finished, oldest decision first.
pub async fn to_fan_out(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Uuid>, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT id FROM alert WHERE state IN ('approved', 'sending') AND fanned_out_at IS NULL ORDER BY decided_at LIMIT ",
    );
    let rows = db.query_all_raw(raw.bind(i64::try_from(limit).unwrap_or(i64::MAX)).done()).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// `sending -> done` for alerts that are fanned out and have nothing open left; the summaries of officials are not waited for.
pub async fn finish_settled(db: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    let raw = Raw::new(db, "UPDATE alert SET state = 'done', done_at = ").bind(now);
    let raw = raw.sql(
        " WHERE state = 'sending' AND fanned_out_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM delivery d \
         WHERE d.alert_id = alert.id AND d.staff_id IS NULL AND d.stage = 0)",
    );
    Ok(db.execute_raw(raw.done()).await?.rows_affected())
}

/// Stops what is not sent yet. Call it in the transaction that sets the alert to cancelled, after doing so. People who
/// were not warned a second time because of this alert, and now would not be warned at all, are warned by the other
/// alert after all. Answers how many deliveries were stopped.
pub async fn stop(tx: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<u64, DbErr> {
    let stopped = delivery::cancel_pending(tx, id, now).await?;
    let others = notice::unmerge(tx, id, true).await?;
    reopen(tx, &others).await?;
    Ok(stopped)
}

/// Has alerts fanned out again, for notices that were freed.
pub async fn reopen(tx: &impl ConnectionTrait, alerts: &[Uuid]) -> Result<(), DbErr> {
    if alerts.is_empty() {
        return Ok(());
    }
    let raw = Raw::new(
        tx,
        "UPDATE alert SET state = 'sending', fanned_out_at = NULL, done_at = NULL WHERE state IN ('sending', 'done') AND id",
    );
    tx.execute_raw(raw.any(alerts).done()).await.map(|_| ())
}

/// What is known of an alert when its deliveries are sent.
#[derive(Debug, Clone, Copy)]
pub struct Approval {
    pub id: Uuid,
    pub decided_at: Option<Timestamp>,
    /// Nothing more of it is to be sent.
    pub cancelled: bool,
}

/// When these alerts were approved, and whether they still stand.
pub async fn approvals(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Approval>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = db
        .query_all_raw(Raw::new(db, "SELECT id, decided_at, state FROM alert WHERE id").any(ids).done())
        .await?;
    rows.iter()
        .map(|row| {
            let state: AlertState = row.try_get("", "state")?;
            Ok(Approval {
                id: row.try_get("", "id")?,
                decided_at: row.try_get("", "decided_at")?,
                cancelled: state == AlertState::Cancelled,
            })
        })
        .collect()
}

/// What an alert came to, counted in deliveries.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    pub counts: BTreeMap<DeliveryState, i64>,
    /// Notices that were merged into an earlier warning.
    pub merged: i64,
    /// Sends that may have warned a person twice.
    pub possible_duplicates: i64,
    pub seconds_to_last_accepted: Option<f64>,
    pub seconds_to_last_receipt: Option<f64>,
}

impl Progress {
    pub fn count(&self, state: DeliveryState) -> i64 {
        self.counts.get(&state).copied().unwrap_or(0)
    }
}

/// Counts the deliveries of an alert to people (not those to its officials) by state, and the seconds from its approval to the last accepted and the last
/// settled by a receipt.
pub async fn progress(db: &impl ConnectionTrait, alert: &alert::Model) -> Result<Progress, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT state, count(*) AS n, max(accepted_at) AS accepted, max(settled_at) AS settled, \
         CAST(sum(possible_duplicates) AS bigint) AS duplicates FROM delivery \
         WHERE staff_id IS NULL AND alert_id = ",
    );
    let rows = db.query_all_raw(raw.bind(alert.id).sql(" GROUP BY state").done()).await?;
    let mut progress = Progress::default();
    let (mut accepted, mut settled): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for row in &rows {
        let state: DeliveryState = row.try_get("", "state")?;
        progress.counts.insert(state, row.try_get("", "n")?);
        progress.possible_duplicates += row.try_get::<Option<i64>>("", "duplicates")?.unwrap_or(0);
        accepted = accepted.max(row.try_get("", "accepted")?);
        if matches!(state, DeliveryState::Delivered | DeliveryState::Undelivered) {
            settled = settled.max(row.try_get("", "settled")?);
        }
    }
    let since = |at: Option<Timestamp>| Some((at? - alert.decided_at?).max(0) as f64 / 1_000.0);
    progress.seconds_to_last_accepted = since(accepted);
    progress.seconds_to_last_receipt = since(settled);
    let raw = Raw::new(db, "SELECT count(*) AS n FROM notice WHERE merged_into IS NOT NULL AND alert_id = ");
    if let Some(row) = db.query_one_raw(raw.bind(alert.id).done()).await? {
        progress.merged = row.try_get("", "n")?;
    }
    Ok(progress)
}

/// Whether the alert may still be fanned out or sent.
pub const fn is_under_way(state: AlertState) -> bool {
    match state {
        AlertState::Approved | AlertState::Sending => true,
        AlertState::Draft
        | AlertState::Submitted
        | AlertState::Done
        | AlertState::Rejected
        | AlertState::Cancelled => false,
    }
}

/// Tells PostgreSQL that a bulk of rows has come, so that the next statements are planned for it.
pub async fn analyze(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        // The columns of conditions: those of every other column would take several times as long.
        db.execute_unprepared(
            "ANALYZE delivery (alert_id, notice_id, person_id, state, stage, due_at, accepted_at, settled_at); \
             ANALYZE notice (alert_id, person_id, merged_into, created_at)",
        )
        .await?;
    }
    Ok(())
}
