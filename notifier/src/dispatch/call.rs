//! The calls: each batch in a task of its own, at the gateway's pace, within the lease.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mashang_domain::delivery::Outcome;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::further::Further;
use super::judge::{judge, may_go_elsewhere, word};
use super::record::record;
use super::reroute::reroute;
use super::{Judged, MARGIN};
use crate::gateway::is_no_turn;
use crate::plan::{Item, Plan, Planned, channel_word};
use crate::service::Core;

/// A call that waited longer for its turn asks once more whether it is still wanted.
const LONG_WAIT: Duration = Duration::from_millis(300);
/// How long outcomes wait for others of their claim at most: where every message is a call of its own, many are recorded at
/// once.
const GATHER: Duration = Duration::from_millis(50);

/// Sends every batch in a task of its own and records what has been judged in the meantime together. The tasks end with
/// this future.
pub(super) async fn travel_all(core: &Arc<Core>, plan: Plan, deadline: Instant) -> usize {
    let mut travelling = JoinSet::new();
    for planned in plan.batches {
        let core = Arc::clone(core);
        travelling.spawn(async move { travel(&core, planned, deadline).await });
    }
    let mut recorded = 0;
    while let Some(first) = travelling.join_next().await {
        let mut judged = first.unwrap_or_default();
        let until = Instant::now() + GATHER;
        while let Ok(Some(more)) = tokio::time::timeout_at(until, travelling.join_next()).await {
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
        let late = planned.is_late();
        let mut again = Vec::new();
        for (item, outcome) in planned.items.into_iter().zip(outcomes) {
            let settled = judge(core, &item, planned.road.name(), outcome.as_ref());
            let refused = outcome.as_ref().map_or(late && !item.is_pinned(), may_go_elsewhere);
            if refused && deadline.saturating_duration_since(Instant::now()) > planned.road.timeout + MARGIN {
                again.push((item, settled));
            } else {
                judged.push(Judged { row: item.row, decided_at: item.decided_at, settled });
            }
        }
        if !again.is_empty() {
            reroute(core, (planned.road.name(), &planned.berths), again, &mut waiting, &mut judged).await;
        }
    }
    judged
}

/// Calls the gateway, or does not when the lease would not last. One outcome per item; `None` = not begun.
async fn call(core: &Core, planned: &Planned, deadline: Instant) -> Vec<Option<Outcome>> {
    let (road, asked) = (&planned.road, Instant::now());
    let count = planned.items.len();
    let latest = deadline.checked_sub(road.timeout + MARGIN).unwrap_or_else(Instant::now);
    let login = planned.items.first().is_some_and(Item::is_login);
    if planned.is_late() {
        return vec![None; count];
    }
    let Some(turn) = road.pace.reserve(login, latest) else { return vec![None; count] };
    // A stop gives back what was not begun.
    let waiting = async {
        tokio::time::sleep_until(turn).await;
        tokio::time::timeout_at(latest, road.walls.calls.acquire()).await
    };
    let permit = core.life.soft.run_until_cancelled(waiting).await;
    if !matches!(permit, Some(Ok(Ok(_)))) || Instant::now() > latest || planned.is_late() {
        return vec![None; count];
    }
    if asked.elapsed() > LONG_WAIT && is_cancelled(core, planned).await {
        return vec![None; count];
    }
    let begun = Instant::now();
    let further = Further::new(core, planned, login, latest);
    let sending = AssertUnwindSafe(road.gateway.send_in_turn(&planned.batch, &further)).catch_unwind();
    let mut outcomes = match tokio::time::timeout_at(deadline - MARGIN / 2, sending).await {
        Ok(Ok(outcomes)) => outcomes,
        Ok(Err(_)) => vec![Outcome::unknown("panic"); count],
        Err(_) => vec![Outcome::unknown("lease_ended"); count],
    };
    outcomes.resize(count, Outcome::unknown("no_outcome"));
    let took = further.of_one(begun.elapsed());
    let made: Vec<Outcome> = outcomes.iter().filter(|outcome| !is_no_turn(outcome)).cloned().collect();
    road.observe(planned.batch.template.as_str(), &made, took);
    count_outcomes(road.name(), planned, &made, took);
    outcomes.into_iter().map(|outcome| Some(outcome).filter(|outcome| !is_no_turn(outcome))).collect()
}

/// Whether an alert of this batch was cancelled while it waited. What cannot be known is no reason to be silent.
async fn is_cancelled(core: &Core, planned: &Planned) -> bool {
    let mut alerts: Vec<_> = planned.items.iter().filter_map(|item| item.row.alert_id).collect();
    alerts.sort_unstable();
    alerts.dedup();
    core.standing.any_cancelled(core.db.conn(), &alerts).await.unwrap_or_default()
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
