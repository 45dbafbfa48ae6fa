//! The sweep: whatever the queue has lost is found again in the database.
//!
//! One pass is a list of steps; each stands by itself, so that one that fails is counted and logged and stops no other.
//! Every step may run in several processes at once.

use std::future::Future;
use std::sync::Arc;

use mashang_config::Rung;
use mashang_domain::alert::ladder;
use mashang_domain::time::{DAY, MINUTE, SECOND, Timestamp};
use mashang_infra::bugs::{self, Bug};
use mashang_infra::lease;
use mashang_infra::queue::{Priority, StreamDepth, Task};
use mashang_infra::store;
use mashang_infra::store::delivery::Due;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::fan_out::QUEUED_FOR;
use crate::service::Core;
use crate::{dispatch, gateways, remind};

/// Chunks of due deliveries that one pass queues of each priority.
const CHUNKS: u64 = 20;
/// How often an alert whose fan-out is not finished is queued again.
const FAN_OUT_EVERY: i64 = 20 * SECOND;
/// Rungs that settled so long ago are looked at for the work list in every pass; all of the last day once a minute.
const LATELY: i64 = 5 * MINUTE;

/// What a pass found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub relayed: usize,
    pub queued: usize,
    pub lost: usize,
    pub resolved: usize,
    pub expired: usize,
    pub finished_alerts: usize,
    /// Steps that failed.
    pub failed: usize,
}

impl Swept {
    /// Whether the pass found something to do.
    pub fn any(&self) -> bool {
        *self != Self { failed: self.failed, ..Self::default() }
    }
}

/// One pass.
pub async fn pass(core: &Arc<Core>) -> Swept {
    let mut swept = Swept::default();
    let failed = &mut swept.failed;
    swept.relayed = step("relay", failed, relay(core)).await;
    swept.lost = step("lost_leases", failed, lost(core)).await;
    swept.resolved = step("unknown", failed, resolve(core)).await;
    swept.expired = step("expire", failed, expire(core)).await;
    step("gateways", failed, gateways::follow(core)).await;
    step("calls", failed, calls(core)).await;
    step("work_list", failed, work_list(core, LATELY)).await;
    step("fan_out", failed, fan_outs(core)).await;
    step("reminders", failed, remind::pass(core)).await;
    let depth = core.queue.depth().await.unwrap_or_default();
    for priority in Priority::ALL {
        swept.queued += step(priority.as_str(), failed, queue_due(core, priority, &depth)).await;
    }
    swept.finished_alerts = step("finish", failed, finish(core)).await;
    report(&depth);
    swept
}

async fn step(
    name: &'static str,
    failed: &mut usize,
    work: impl Future<Output = Result<usize, DbErr>>,
) -> usize {
    let failures = metrics::counter!("mashang_sweep_failures_total", "step" => name);
    failures.increment(0);
    match work.await {
        Ok(n) => n,
        Err(error) => {
            *failed += 1;
            failures.increment(1);
            tracing::warn!(step = name, %error, "a step of the sweep failed");
            0
        }
    }
}

/// Outbox to queue: pushed, then deleted. What nobody can read is deleted as well: the truth it pointed to is found by
/// the other steps.
async fn relay(core: &Core) -> Result<usize, DbErr> {
    let waiting = store::outbox::oldest(core.db.conn(), core.settings.notifier.chunk).await?;
    let (mut gone, mut tasks) = (Vec::new(), [Vec::new(), Vec::new()]);
    for row in &waiting {
        match &row.task {
            Some(task) => tasks[usize::from(matches!(task, Task::Send { .. }))].push((row.id, task.clone())),
            None => {
                metrics::counter!("mashang_quarantined_total", "kind" => "outbox").increment(1);
                tracing::error!(outbox.id = %row.id, "an outbox row is no task of this version; it is removed");
                gone.push(row.id);
            }
        }
    }
    for group in tasks.into_iter().filter(|t| !t.is_empty()) {
        let (ids, tasks): (Vec<Uuid>, Vec<Task>) = group.into_iter().unzip();
        match core.queue.push(Priority::Alert, &tasks).await {
            Ok(()) => gone.extend(ids),
            Err(error) => tracing::warn!(%error, "the outbox waits for the queue"),
        }
    }
    let tx = core.db.begin_write().await?;
    store::outbox::remove(&*tx, &gone).await?;
    tx.commit().await?;
    Ok(gone.len())
}

async fn lost(core: &Core) -> Result<usize, DbErr> {
    let tx = core.db.begin_write().await?;
    let (now, chunk) = (core.clock.now(), core.settings.notifier.chunk);
    let lost = store::delivery::end_lost_leases(&*tx, &core.reconcile(), now, chunk).await?;
    tx.commit().await?;
    if lost != store::delivery::Lost::default() {
        tracing::warn!(unknown = lost.unknown, pending = lost.pending, "leases passed: a worker was lost");
    }
    Ok(lost.unknown + lost.pending)
}

async fn resolve(core: &Core) -> Result<usize, DbErr> {
    let tx = core.db.begin_write().await?;
    let (now, chunk) = (core.clock.now(), core.settings.notifier.chunk);
    let resolved = store::delivery::resolve_unknown(&*tx, &core.reconcile(), now, chunk).await?;
    tx.commit().await?;
    if resolved.possible_duplicates > 0 {
        metrics::counter!("mashang_possible_duplicates_total").increment(resolved.possible_duplicates as u64);
        tracing::warn!(deliveries = resolved.possible_duplicates, "sent once more: their answers were lost");
    }
    Ok(resolved.given_up + resolved.harmless + resolved.possible_duplicates)
}

async fn expire(core: &Core) -> Result<usize, DbErr> {
    let tx = core.db.begin_write().await?;
    let expired = store::delivery::expire(&*tx, core.clock.now(), core.settings.notifier.chunk).await?;
    tx.commit().await?;
    Ok(expired)
}

/// Calls that wait for a receipt, and calls outside their hours.
async fn calls(core: &Core) -> Result<usize, DbErr> {
    let tx = core.db.begin_write().await?;
    let now = core.clock.now();
    let mut n = store::delivery::settle_calls(&*tx, now).await?;
    if !core.voice_is_open(now) {
        let opening = ladder::voice_from(now, core.voice_hours(), false);
        n += store::delivery::pause_calls(&*tx, opening, now).await?;
    }
    tx.commit().await?;
    Ok(usize::try_from(n).unwrap_or(usize::MAX))
}

/// Whom nothing reached to the work list, and from it who needs it no more.
async fn work_list(core: &Core, settled_within: i64) -> Result<usize, DbErr> {
    let alerts = &core.settings.alerts;
    let levels: Vec<i16> = (1..=3).filter(|level| alerts.ladder(*level).contains(&Rung::WorkList)).collect();
    let tx = core.db.begin_write().await?;
    let now = core.clock.now();
    let added = store::work_list::add_missed(&*tx, &levels, now - settled_within, now).await?;
    let gone = store::work_list::withdraw(&*tx, now).await?;
    tx.commit().await?;
    Ok(usize::try_from(added + gone).unwrap_or(usize::MAX))
}

/// Alerts whose fan-out is not finished; one process asks, once in a while.
async fn fan_outs(core: &Core) -> Result<usize, DbErr> {
    let alerts = store::alert::to_fan_out(core.db.conn(), 100).await?;
    let now = core.clock.now();
    let tick = Timestamp(now.millis() - now.millis().rem_euclid(FAN_OUT_EVERY));
    let mut tasks = Vec::new();
    for alert in alerts {
        if claim_tick(core, &format!("fan_out:{alert}"), tick).await? {
            tasks.push(Task::FanOut { alert });
        }
    }
    if let Err(error) = core.queue.push(Priority::Alert, &tasks).await {
        tracing::warn!(%error, "fan-outs wait for the queue");
    }
    Ok(tasks.len())
}

/// Claims a tick of a job in a transaction of its own.
pub(crate) async fn claim_tick(core: &Core, job: &str, tick: Timestamp) -> Result<bool, DbErr> {
    let tx = core.db.begin_write().await?;
    let mine = lease::try_claim_tick(&*tx, job, tick, core.clock.now()).await?;
    tx.commit().await?;
    Ok(mine)
}

/// Due deliveries to the queue. When the queue is empty, those that were queued before and are still due were lost with
/// it. When the queue is away (`depth` says nothing), a part is sent by this process itself, and nothing else is marked as
/// queued: whoever can reach the queue next finds it due.
async fn queue_due(core: &Arc<Core>, priority: Priority, depth: &[StreamDepth]) -> Result<usize, DbErr> {
    if bugs::has(Bug::NoSweep) {
        return Ok(0);
    }
    let batch = core.settings.notifier.batch.max(1);
    let most = core.settings.notifier.chunk.saturating_mul(CHUNKS);
    let empty = depth.iter().any(|d| d.priority == priority && d.waiting + d.pending == 0);
    let now = core.clock.now();
    let due = Due {
        logins: priority == Priority::Login,
        queued_too: empty,
        now,
        queued_until: now + QUEUED_FOR,
        limit: if depth.is_empty() { batch as u64 } else { most },
    };
    let tx = core.db.begin_write().await?;
    let ids = store::delivery::take_due(&*tx, &due).await?;
    tx.commit().await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let parts = ids.chunks(batch);
    let tasks: Vec<Task> = parts.map(|ids| Task::Send { deliveries: ids.to_vec() }).collect();
    if let Err(error) = core.queue.push(priority, &tasks).await {
        tracing::warn!(%error, deliveries = ids.len(), "the queue is away; sending a part from here");
        let (part, rest) = ids.split_at(ids.len().min(batch));
        not_queued(core, rest, due.queued_until).await?;
        dispatch::send(core, part).await?;
        return Ok(part.len());
    }
    Ok(ids.len())
}

/// Unmarks deliveries that were to be queued and were not.
pub(crate) async fn not_queued(core: &Core, ids: &[Uuid], queued_until: Timestamp) -> Result<(), DbErr> {
    let tx = core.db.begin_write().await?;
    store::delivery::give_back(&*tx, ids, queued_until).await?;
    tx.commit().await
}

async fn finish(core: &Core) -> Result<usize, DbErr> {
    let tx = core.db.begin_write().await?;
    let finished = store::alert::finish_settled(&*tx, core.clock.now()).await?;
    tx.commit().await?;
    Ok(usize::try_from(finished).unwrap_or(usize::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn report(depth: &[StreamDepth]) {
    for stream in depth {
        let name = stream.priority.as_str();
        metrics::gauge!("mashang_queue_waiting", "stream" => name).set(stream.waiting as f64);
        metrics::gauge!("mashang_queue_taken", "stream" => name).set(stream.pending as f64);
        let oldest = stream.oldest_ms.unwrap_or(0) as f64 / 1_000.0;
        metrics::gauge!("mashang_queue_oldest_seconds", "stream" => name).set(oldest);
        let held = stream.held_ms.unwrap_or(0) as f64 / 1_000.0;
        metrics::gauge!("mashang_queue_held_seconds", "stream" => name).set(held);
    }
}

/// Figures of the database, and receipts that are no longer waited for: once a minute, in one process.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
pub async fn minute(core: &Core) -> Result<usize, DbErr> {
    let now = core.clock.now();
    let backlog = store::delivery::backlog(core.db.conn(), now).await?;
    metrics::gauge!("mashang_deliveries_due").set(backlog.due as f64);
    metrics::gauge!("mashang_deliveries_unknown").set(backlog.unknown as f64);
    let oldest = backlog.oldest_unknown.map_or(0, |made| (now - made).max(0)) as f64 / 1_000.0;
    metrics::gauge!("mashang_deliveries_oldest_unknown_seconds").set(oldest);
    metrics::gauge!("mashang_deliveries_sending").set(backlog.sending as f64);
    let oldest = backlog.oldest_due.map_or(0, |due| (now - due).max(0)) as f64 / 1_000.0;
    metrics::gauge!("mashang_deliveries_oldest_due_seconds").set(oldest);
    let list = store::work_list::length(core.db.conn()).await?;
    metrics::gauge!("mashang_work_list", "state" => "open").set(list.open as f64);
    metrics::gauge!("mashang_work_list", "state" => "taken").set(list.taken as f64);
    let oldest = list.oldest_open.map_or(0, |at| (now - at).max(0)) as f64 / 1_000.0;
    metrics::gauge!("mashang_work_list_oldest_seconds").set(oldest);
    work_list(core, DAY).await?;
    let before = now - core.settings.dispatch.receipt_wait_seconds * SECOND;
    let tx = core.db.begin_write().await?;
    let settled =
        store::delivery::settle_without_receipt(&*tx, before, now, core.settings.notifier.chunk * CHUNKS)
            .await?;
    tx.commit().await?;
    Ok(settled)
}
