//! One claim, from due rows to recorded outcomes, in phases that consume each other:
//!
//! claimed (lease, epoch and attempt are committed) -> called (each batch in a task of its own, within the lease) ->
//! judged (outcome by outcome: done, again later, at once at the next gateway) -> recorded (many rows at once, fenced).
//!
//! A definite refusal may be tried at the next gateway within the same claim; a lost answer never is. A crash at any
//! point leaves either an unclaimed row or an open attempt, which the sweep finds.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mashang_config::Rung;
use mashang_domain::alert::ladder::{self, Due};
use mashang_domain::delivery::retry::{Next, Refusal, Standing};
use mashang_domain::delivery::{Channel, DeliveryState, ErrorClass, Outcome, RungKind};
use mashang_domain::time::Timestamp;
use mashang_entity::delivery;
use mashang_infra::db::WriteTx;
use mashang_infra::store;
use mashang_infra::store::delivery::{Claim, Settled};
use sea_orm::DbErr;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::plan::{Facts, Item, Plan, Planned, Planner, channel_word, new_reference};
use crate::service::Core;

/// No call is begun with less of the lease left than its time-out and this.
const MARGIN: Duration = Duration::from_secs(1);
/// How long outcomes wait for others of their claim: where every message is a call of its own, many are recorded at once.
const GATHER: Duration = Duration::from_millis(20);
/// Pauses between tries to record outcomes: losing them would leave deliveries unknown.
const RECORD_PAUSES_MS: [u64; 5] = [50, 200, 500, 1_000, 2_000];

/// What a claim came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    pub claimed: usize,
    pub recorded: usize,
}

/// An outcome with the delivery it belongs to, ready to be recorded.
struct Judged {
    row: delivery::Model,
    decided_at: Option<Timestamp>,
    settled: Settled,
}

/// Sends those of `ids` that are due. When the claim fails, it is tried with halves until the row is found that cannot be
/// read; that one is put aside.
pub async fn send(core: &Arc<Core>, ids: &[Uuid]) -> Result<Sent, DbErr> {
    let mut sent = Sent::default();
    let mut parts: VecDeque<&[Uuid]> = ids.chunks(core.settings.notifier.batch.max(1)).collect();
    while let Some(part) = parts.pop_front() {
        match claim(core, part).await {
            Ok((plan, deadline)) => {
                sent.claimed += plan.batches.iter().map(|b| b.items.len()).sum::<usize>();
                sent.recorded += travel_all(core, plan, deadline).await;
            }
            Err(error) => {
                core.db.ping().await?;
                set_apart(core, part, error, &mut parts).await?;
            }
        }
    }
    Ok(sent)
}

async fn set_apart<'a>(
    core: &Core,
    part: &'a [Uuid],
    error: DbErr,
    parts: &mut VecDeque<&'a [Uuid]>,
) -> Result<(), DbErr> {
    match part {
        [] => {}
        [id] if matches!(
            error,
            DbErr::Type(_) | DbErr::Json(_) | DbErr::Query(_) | DbErr::TryIntoErr { .. }
        ) =>
        {
            tracing::error!(delivery.id = %id, %error, "a delivery cannot be read; it is put aside");
            metrics::counter!("mashang_quarantined_total", "kind" => "delivery").increment(1);
            store::delivery::quarantine(core.db.conn(), *id, core.clock.now()).await?;
        }
        [_] => return Err(error),
        _ => {
            let (left, right) = part.split_at(part.len() / 2);
            parts.push_back(left);
            parts.push_back(right);
        }
    }
    Ok(())
}

/// Claims, plans and writes the attempts, in one transaction. Answers until when calls may be under way.
async fn claim(core: &Core, ids: &[Uuid]) -> Result<(Plan, Instant), DbErr> {
    let lease = Duration::from_secs(core.settings.notifier.lease_seconds);
    let tx = core.db.begin_write().await?;
    let (now, deadline) = (core.clock.now(), Instant::now() + lease);
    let terms = Claim {
        owner: core.owner,
        until: now + i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
        now,
        voice_open: core.voice_is_open(now),
    };
    let rows = store::delivery::claim(&*tx, ids, &terms).await?;
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok((Plan::default(), deadline));
    }
    let facts = facts(&tx, &rows).await?;
    let plan = core.planner(now).plan(rows, &facts);
    let attempts: Vec<_> = plan.batches.iter().flat_map(|b| b.attempts.iter().cloned()).collect();
    for part in attempts.chunks(500) {
        store::delivery::write_attempts(&*tx, part, core.owner, now).await?;
    }
    store::delivery::record(&*tx, core.owner, &plan.settled, now).await?;
    tx.commit().await?;
    Ok((plan, deadline))
}

async fn facts(tx: &WriteTx, rows: &[delivery::Model]) -> Result<Facts, DbErr> {
    let all = |of: fn(&delivery::Model) -> Option<Uuid>| {
        let mut ids: Vec<Uuid> = rows.iter().filter_map(of).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let people = store::delivery::people(&**tx, &all(|r| r.person_id)).await?;
    let logins = store::delivery::logins(&**tx, &all(|r| r.login_id)).await?;
    let again = all(|r| (r.epoch > 1).then_some(r.id));
    let unanswered = store::delivery::unanswered(&**tx, &again).await?;
    let approvals = store::alert::approvals(&**tx, &all(|r| r.alert_id)).await?;
    Ok(Facts {
        people: people.into_iter().map(|p| (p.id, p)).collect(),
        logins: logins.into_iter().map(|l| (l.id, l)).collect(),
        unanswered: unanswered.into_iter().map(|u| (u.delivery_id, u)).collect(),
        decided: approvals.into_iter().map(|a| (a.id, a.decided_at)).collect(),
    })
}

/// Sends every batch in a task of its own and records what has been judged in the meantime together. The tasks end with
/// this future.
async fn travel_all(core: &Arc<Core>, plan: Plan, deadline: Instant) -> usize {
    let mut travelling = JoinSet::new();
    for planned in plan.batches {
        let core = Arc::clone(core);
        travelling.spawn(async move { travel(&core, planned, deadline).await });
    }
    let mut recorded = 0;
    while let Some(first) = travelling.join_next().await {
        let mut judged = first.unwrap_or_default();
        if !travelling.is_empty() {
            tokio::time::sleep(GATHER).await;
        }
        while let Some(more) = travelling.try_join_next() {
            judged.extend(more.unwrap_or_default());
        }
        recorded += record(core, judged).await;
    }
    recorded
}

/// One batch, until each of its messages is judged.
async fn travel(core: &Core, planned: Planned, deadline: Instant) -> Vec<Judged> {
    let mut judged = Vec::new();
    let mut waiting = VecDeque::from([planned]);
    while let Some(planned) = waiting.pop_front() {
        let outcomes = call(core, &planned, deadline).await;
        let mut again = Vec::new();
        for (item, outcome) in planned.items.into_iter().zip(outcomes) {
            let settled = judge(core, &item, planned.road.name(), outcome.as_ref());
            let refused = outcome.as_ref().is_some_and(may_go_elsewhere);
            if refused && deadline.saturating_duration_since(Instant::now()) > planned.road.timeout + MARGIN {
                again.push((item, settled));
            } else {
                judged.push(Judged { row: item.row, decided_at: item.decided_at, settled });
            }
        }
        if !again.is_empty() {
            reroute(core, planned.road.name(), again, &mut waiting, &mut judged).await;
        }
    }
    judged
}

/// Calls the gateway, or does not when the lease would not last. One outcome per item; `None` = not begun.
async fn call(core: &Core, planned: &Planned, deadline: Instant) -> Vec<Option<Outcome>> {
    let road = &planned.road;
    let count = planned.items.len();
    let latest = deadline.checked_sub(road.timeout + MARGIN).unwrap_or_else(Instant::now);
    let login = planned.items.first().is_some_and(Item::is_login);
    let Some(turn) = road.pace.reserve(login, latest) else { return vec![None; count] };
    // A stop gives back what was not begun.
    let waiting = async {
        tokio::time::sleep_until(turn).await;
        tokio::time::timeout_at(latest, road.calls.acquire()).await
    };
    let permit = core.life.soft.run_until_cancelled(waiting).await;
    if !matches!(permit, Some(Ok(Ok(_)))) || Instant::now() > latest {
        return vec![None; count];
    }
    let begun = Instant::now();
    let sending = AssertUnwindSafe(road.gateway.send(&planned.batch)).catch_unwind();
    let mut outcomes = match tokio::time::timeout_at(deadline - MARGIN / 2, sending).await {
        Ok(Ok(outcomes)) => outcomes,
        Ok(Err(_)) => vec![Outcome::unknown("panic"); count],
        Err(_) => vec![Outcome::unknown("lease_ended"); count],
    };
    outcomes.resize(count, Outcome::unknown("no_outcome"));
    road.observe(planned.batch.template.as_str(), &outcomes);
    count_outcomes(road.name(), planned, &outcomes, begun.elapsed());
    outcomes.into_iter().map(Some).collect()
}

fn count_outcomes(gateway: &str, planned: &Planned, outcomes: &[Outcome], took: Duration) {
    metrics::histogram!("mashang_gateway_call_seconds", "gateway" => gateway.to_owned())
        .record(took.as_secs_f64());
    let channel = channel_word(planned.road.gateway.channel());
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(word(outcome)).or_default() += 1;
    }
    for (class, n) in counts {
        metrics::counter!("mashang_gateway_outcomes_total", "gateway" => gateway.to_owned(), "channel" => channel, "class" => class)
            .increment(n);
    }
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Rejected { class, .. } => class.as_str(),
    }
}

/// Definite refusals that another gateway may not share.
fn may_go_elsewhere(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Unknown { .. } => false,
        Outcome::Rejected { class, .. } => match class {
            ErrorClass::Retry | ErrorClass::Account | ErrorClass::Configuration => true,
            ErrorClass::Throttled | ErrorClass::NumberInvalid | ErrorClass::FrequencyLimited => false,
        },
    }
}

/// Where a delivery goes after an outcome; `None` = its call was not begun.
fn judge(core: &Core, item: &Item, gateway: &str, outcome: Option<&Outcome>) -> Settled {
    let (row, now) = (&item.row, core.clock.now());
    let mut settled = Settled {
        id: row.id,
        epoch: row.epoch,
        reference: Some(item.recipient.reference.clone()),
        gateway: Some(gateway.to_owned()),
        state: DeliveryState::Pending,
        due_at: now + 1,
        tries: row.tries,
        provider_id: None,
        code: None,
        outcome: outcome.map_or("not_begun", word).to_owned(),
    };
    match outcome {
        None if core.life.soft.is_cancelled() => settled.due_at = now,
        None => {
            let backlog = core.router.by_name(gateway).map_or(Duration::ZERO, |road| road.pace.backlog());
            let wait = i64::try_from(backlog.as_millis()).unwrap_or(0).min(core.reconcile().wait);
            settled.due_at = now + wait / 2 + 1;
        }
        Some(Outcome::Accepted { provider_id }) => {
            (settled.state, settled.tries) = (DeliveryState::Accepted, row.tries + 1);
            settled.provider_id = Some(provider_id.clone());
        }
        Some(Outcome::Unknown { code }) => {
            let wait = core.reconcile().wait_for(row.channel == Channel::Voice, gateway);
            (settled.state, settled.tries) = (DeliveryState::Unknown, row.tries + 1);
            let until = now + wait;
            settled.due_at = if item.is_login() { until.min(row.expires_at) } else { until };
            settled.code = Some(code.clone());
        }
        Some(Outcome::Rejected { class, code, retry_after_ms }) => {
            let refusal = Refusal { class: *class, retry_after_ms: *retry_after_ms };
            let standing = Standing { tries: row.tries, expires_at: row.expires_at };
            settled.code = Some(code.clone());
            match core.schedule.after(refusal, standing, now, rand::random()) {
                Next::Retry { due_at, tries } => {
                    (settled.due_at, settled.tries) = (core.may_ring(row, due_at), tries);
                }
                Next::GiveUp { reason, tries } => {
                    (settled.state, settled.tries) = (DeliveryState::Failed, tries);
                    settled.code = Some(format!("{reason}: {code}"));
                }
            }
        }
    }
    settled
}

/// Sends refused messages to the next gateway, within the same claim. Where there is none, the refusal stands.
async fn reroute(
    core: &Core,
    refused_by: &str,
    refused: Vec<(Item, Settled)>,
    waiting: &mut VecDeque<Planned>,
    judged: &mut Vec<Judged>,
) {
    let mut old: BTreeMap<Uuid, (Item, Settled)> = BTreeMap::new();
    let mut items = Vec::with_capacity(refused.len());
    for (item, settled) in refused {
        let mut next = item.clone();
        next.tried.push(refused_by.to_owned());
        next.recipient.reference = new_reference();
        next.unpin();
        items.push(next);
        old.insert(item.row.id, (item, settled));
    }
    let now = core.clock.now();
    let batches = core.planner(now).route(items).batches;
    let attempts: Vec<_> = batches.iter().flat_map(|b| b.attempts.iter().cloned()).collect();
    let moved: Vec<Settled> =
        attempts.iter().filter_map(|a| old.get(&a.delivery_id)).map(|o| o.1.clone()).collect();
    let written = async {
        let tx = core.db.begin_write().await?;
        let still = store::delivery::change_gateway(&*tx, core.owner, &moved, &attempts, now).await?;
        tx.commit().await?;
        Ok::<_, DbErr>(still)
    };
    let still = match written.await {
        Ok(still) => still,
        Err(error) => {
            tracing::warn!(%error, "the next gateway could not be written down");
            Vec::new()
        }
    };
    for planned in batches {
        if planned.items.iter().all(|item| still.contains(&item.row.id)) {
            for item in &planned.items {
                old.remove(&item.row.id);
            }
            waiting.push_back(planned);
        }
    }
    judged.extend(old.into_values().map(|(item, settled)| Judged {
        row: item.row,
        decided_at: item.decided_at,
        settled,
    }));
}

/// Records outcomes, again and again while the database is away, and answers how many deliveries changed.
async fn record(core: &Core, judged: Vec<Judged>) -> usize {
    if judged.is_empty() {
        return 0;
    }
    let mut pauses = RECORD_PAUSES_MS.into_iter().map(Duration::from_millis);
    loop {
        match record_once(core, &judged).await {
            Ok(changed) => {
                observe(core, &judged, &changed);
                return changed.len();
            }
            Err(error) => match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    tracing::error!(%error, deliveries = judged.len(), "outcomes could not be recorded; they stay unknown");
                    return 0;
                }
            },
        }
    }
}

async fn record_once(core: &Core, judged: &[Judged]) -> Result<Vec<Uuid>, DbErr> {
    let now = core.clock.now();
    let tx = core.db.begin_write().await?;
    let settled: Vec<Settled> = judged.iter().map(|j| j.settled.clone()).collect();
    let mut changed = Vec::with_capacity(settled.len());
    for part in settled.chunks(500) {
        changed.extend(store::delivery::record(&*tx, core.owner, part, now).await?);
    }
    for (due_at, messages) in waiting_calls(core, judged, now) {
        store::delivery::move_waiting_calls(&*tx, &messages, due_at).await?;
    }
    tx.commit().await?;
    Ok(changed)
}

/// When the calls are due that wait for the receipts of these messages: some minutes after the SMS was accepted, at once
/// when it was given up.
fn waiting_calls(core: &Core, judged: &[Judged], now: Timestamp) -> BTreeMap<Timestamp, Vec<Uuid>> {
    let mut due: BTreeMap<Timestamp, Vec<Uuid>> = BTreeMap::new();
    for Judged { row, settled, .. } in judged {
        let ladder = core.settings.alerts.ladder(row.level);
        if row.rung_kind != RungKind::Sms || !ladder.contains(&Rung::CallWithoutReceipt) {
            continue;
        }
        let timing = core.timing(row.expires_at, row.urgent);
        let when = match settled.state {
            DeliveryState::Accepted => ladder::due_after_accepted(now, now, &timing),
            DeliveryState::Failed => Due::At(ladder::voice_from(now, timing.voice, timing.urgent)),
            DeliveryState::Pending
            | DeliveryState::Sending
            | DeliveryState::Delivered
            | DeliveryState::Undelivered
            | DeliveryState::Unknown
            | DeliveryState::Expired
            | DeliveryState::Cancelled
            | DeliveryState::Unreachable
            | DeliveryState::Skipped => continue,
        };
        // A call that would come too late keeps its due time and expires with it.
        if let Due::At(at) = when {
            due.entry(at).or_default().push(row.id);
        }
    }
    due
}

fn observe(core: &Core, judged: &[Judged], changed: &[Uuid]) {
    let now = core.clock.now();
    let mut failed = 0;
    for Judged { row, decided_at, settled } in judged.iter().filter(|j| changed.contains(&j.row.id)) {
        if settled.state == DeliveryState::Failed {
            failed += 1;
        }
        if let (DeliveryState::Accepted, Some(decided)) = (settled.state, decided_at) {
            let channel = channel_word(row.channel);
            #[expect(clippy::cast_precision_loss, reason = "seconds of a day")]
            let seconds = (now - *decided).max(0) as f64 / 1_000.0;
            metrics::histogram!("mashang_alert_accepted_seconds", "channel" => channel).record(seconds);
        }
    }
    if failed > 0 {
        metrics::counter!("mashang_dead_letters_total").increment(failed);
    }
    tracing::debug!(judged = judged.len(), changed = changed.len(), failed, "recorded");
}

/// A planner for one claim.
impl Core {
    pub(crate) fn planner(&self, now: Timestamp) -> Planner<'_> {
        Planner { settings: &self.settings, keys: &self.keys, router: &self.router, now }
    }
}
