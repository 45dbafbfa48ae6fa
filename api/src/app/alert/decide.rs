//! Steps of an alert: submission, the decision of another person, cancellation.
//!
//! The approver approves a hash. It must be that of the alert, and the frozen rows must still have it: who changed a row
//! in between finds the approval refused. The state, the task for the notifier and the audit entry are committed
//! together; the push that follows only saves time.

use mashang_domain::alert::{AlertKind, AlertState, AlertStep, StepRefused, step};
use mashang_domain::time::HOUR;
use mashang_domain::trace::{TraceResult, digest};
use mashang_entity::alert;
use mashang_infra::db::WriteTx;
use mashang_infra::queue::{Priority, Task};
use mashang_infra::store::approval::{self, By};
use mashang_infra::store::{alert as alerts, audit, outbox, trace_result as traces};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{act, facts, find};
use crate::app::case::Office;
use crate::app::trace::{counts_of, find_frozen};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Longest reason of a rejection, in characters.
const REASON_MAX: usize = 500;

fn by(app: &App, office: &Office) -> By {
    By { staff: office.id, now: app.clock.now() }
}

async fn hold(app: &App, office: &Office, id: Uuid) -> Answer<(WriteTx, alert::Model)> {
    let tx = app.db.begin_write().await?;
    let held = approval::hold(&*tx, id, &office.division).await?;
    Ok((tx, held.ok_or_else(|| Problem::new(Code::NotFound))?))
}

async fn commit(
    tx: WriteTx,
    office: &Office,
    action: &'static str,
    by: By,
    id: Uuid,
    detail: Value,
) -> Answer<()> {
    audit::append(&*tx, act(office, action, id, detail), by.now).await?;
    Ok(tx.commit().await?)
}

fn lost_race(happened: bool) -> Answer<()> {
    if happened { Ok(()) } else { Err(Problem::new(Code::WrongState)) }
}

/// `draft -> submitted`
pub async fn submit(app: &App, office: &Office, id: Uuid) -> Answer<alert::Model> {
    let (tx, held) = hold(app, office, id).await?;
    step(&facts(&held), AlertStep::Submit, office.id)?;
    let by = by(app, office);
    lost_race(approval::submitted(&*tx, id, by).await?)?;
    commit(tx, office, "alert.submit", by, id, json!({})).await?;
    find(app, office, id).await
}

/// `submitted -> approved`: from now on it goes out. The same approval again is answered with the same alert.
pub async fn approve(app: &App, office: &Office, id: Uuid, trace_sha256: &str) -> Answer<alert::Model> {
    let seen = find(app, office, id).await?;
    if repeated(&seen, office, trace_sha256) {
        return Ok(seen);
    }
    step(&facts(&seen), AlertStep::Approve { trace_sha256 }, office.id)?;
    let people = check_rows(app, office, &seen).await?;
    let (tx, held) = hold(app, office, id).await?;
    if repeated(&held, office, trace_sha256) {
        return Ok(held);
    }
    step(&facts(&held), AlertStep::Approve { trace_sha256 }, office.id)?;
    let (by, detail) = (by(app, office), json!({ "sha256": trace_sha256, "people": people }));
    if needs_another(app, &held, office, people) {
        lost_race(approval::first_approval(&*tx, id, by).await?)?;
        commit(tx, office, "alert.first_approval", by, id, detail).await?;
        return find(app, office, id).await;
    }
    let expires_at = by.now + app.settings.alerts.expires_hours * HOUR;
    lost_race(approval::approved(&*tx, id, by, expires_at).await?)?;
    let task = Task::FanOut { alert: id };
    outbox::add(&*tx, &task, by.now).await?;
    commit(tx, office, "alert.approve", by, id, detail).await?;
    push(app, &[task]).await;
    find(app, office, id).await
}

/// Whether this very person has approved this very thing already.
fn repeated(alert: &alert::Model, office: &Office, trace_sha256: &str) -> bool {
    let under_way = matches!(alert.state, AlertState::Approved | AlertState::Sending | AlertState::Done);
    let first = alert.state == AlertState::Submitted && alert.first_approver == Some(office.id);
    let theirs = first || under_way && alert.decided_by == Some(office.id);
    theirs && alert.trace_sha256 == trace_sha256
}

/// More people than one approver may warn: a second one is wanted.
fn needs_another(app: &App, alert: &alert::Model, office: &Office, people: u64) -> bool {
    let most = u64::try_from(app.settings.alerts.max_people).unwrap_or(0);
    most > 0 && people > most && alert.first_approver.is_none_or(|first| first == office.id)
}

/// Compares the hash with the row of the trace and with the rows themselves. Answers how many people are warned.
async fn check_rows(app: &App, office: &Office, alert: &alert::Model) -> Answer<u64> {
    let trace = find_frozen(app, office, alert.trace_id).await?;
    let counts = counts_of(&trace);
    let params = serde_json::from_value(trace.parameters.clone()).map_err(Problem::internal)?;
    let contacts = traces::all_contacts(app.db.conn(), trace.id).await?;
    let result = TraceResult { contacts, suspect_only: counts.suspect };
    let same = |sha256: &str| sha256 == alert.trace_sha256;
    if !trace.sha256.as_deref().is_some_and(same) || !same(&digest(&result, &params)) {
        return Err(StepRefused::TraceChanged.into());
    }
    Ok(match alert.kind {
        AlertKind::Warning => super::levels(alert).into_iter().map(|l| counts.by_level.of(l)).sum(),
        // Taking a warning back frightens nobody.
        AlertKind::Correction => 0,
    })
}

/// `submitted -> rejected`
pub async fn reject(app: &App, office: &Office, id: Uuid, reason: Option<String>) -> Answer<alert::Model> {
    if reason.as_ref().is_some_and(|r| r.chars().count() > REASON_MAX) {
        return Err(Problem::field("reason", "too_long", format!("≤ {REASON_MAX}")));
    }
    let (tx, held) = hold(app, office, id).await?;
    step(&facts(&held), AlertStep::Reject, office.id)?;
    let by = by(app, office);
    lost_race(approval::rejected(&*tx, id, by, reason).await?)?;
    commit(tx, office, "alert.reject", by, id, json!({})).await?;
    find(app, office, id).await
}

/// Stops what is not sent yet.
pub async fn cancel(app: &App, office: &Office, id: Uuid) -> Answer<alert::Model> {
    let (tx, held) = hold(app, office, id).await?;
    step(&facts(&held), AlertStep::Cancel, office.id)?;
    let by = by(app, office);
    lost_race(approval::cancelled(&*tx, id, held.state, by.now).await?)?;
    let stopped = alerts::stop(&*tx, id, by.now).await?;
    commit(tx, office, "alert.cancel", by, id, json!({ "stopped": stopped })).await?;
    find(app, office, id).await
}

/// A push that is lost costs the time until the next sweep.
pub(crate) async fn push(app: &App, tasks: &[Task]) {
    if let Err(error) = app.queue.push(Priority::Alert, tasks).await {
        tracing::warn!(%error, "the queue did not take a task; the sweep will find it");
    }
}
