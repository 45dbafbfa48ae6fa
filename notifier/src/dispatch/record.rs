//! Outcomes, written many rows at once; the calls that wait for them; the figures.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use mashang_config::Rung;
use mashang_domain::alert::ladder::{self, Due};
use mashang_domain::delivery::{DeliveryState, RungKind};
use mashang_domain::time::Timestamp;
use mashang_infra::store;
use mashang_infra::store::delivery::Settled;
use sea_orm::DbErr;
use uuid::Uuid;

use super::Judged;
use crate::plan::channel_word;
use crate::service::Core;

/// Pauses between tries to record outcomes: losing them would leave deliveries unknown.
const RECORD_PAUSES_MS: [u64; 5] = [50, 200, 500, 1_000, 2_000];

/// Outcomes of one statement.
const PART: usize = 500;

/// Records outcomes, again and again while the database is away, and answers how many deliveries changed.
pub(super) async fn record(core: &Core, judged: Vec<Judged>) -> usize {
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

async fn record_once(core: &Core, judged: &[Judged]) -> Result<HashSet<Uuid>, DbErr> {
    let now = core.clock.now();
    let settled: Vec<Settled> = judged.iter().map(|j| j.settled.clone()).collect();
    let calls = waiting_calls(core, judged, now);
    if core.db.is_postgres() && calls.is_empty() && settled.len() <= PART {
        // One statement is a transaction by itself there.
        let changed = store::delivery::record(core.db.conn(), core.owner, &settled, now).await?;
        return Ok(changed.into_iter().collect());
    }
    let tx = core.db.begin_write().await?;
    let mut changed = HashSet::with_capacity(settled.len());
    for part in settled.chunks(PART) {
        changed.extend(store::delivery::record(&*tx, core.owner, part, now).await?);
    }
    for (due_at, messages) in calls {
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

fn observe(core: &Core, judged: &[Judged], changed: &HashSet<Uuid>) {
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
