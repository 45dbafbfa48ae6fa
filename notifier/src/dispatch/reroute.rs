//! Refused messages on their way to the next gateway, within the same claim.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mashang_infra::store;
use mashang_infra::store::delivery::Settled;
use sea_orm::DbErr;
use uuid::Uuid;

use super::Judged;
use crate::bulkhead::Berths;
use crate::plan::{GATEWAYS_FULL, Item, Plan, Planned, new_reference};
use crate::service::Core;

/// Sends refused messages to the next gateway, within the same claim. Where there is none, the refusal stands; where it
/// is full, they come back in a moment.
pub(super) async fn reroute(
    core: &Core,
    (refused_by, berths): (&str, &Arc<Berths>),
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
    let Plan { batches, settled, .. } = core.planner(now).route(items, berths);
    for full in settled.into_iter().filter(|s| s.code.as_deref() == Some(GATEWAYS_FULL)) {
        if let Some((_, refusal)) = old.get_mut(&full.id) {
            (refusal.state, refusal.due_at) = (full.state, full.due_at);
        }
    }
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
            planned.count_attempts();
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
