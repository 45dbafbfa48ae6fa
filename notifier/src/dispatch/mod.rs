//! One claim, from due rows to recorded outcomes, in phases that consume each other:
//!
//! claimed (lease, epoch and attempt are committed) -> called (each batch in a task of its own, within the lease) ->
//! judged (outcome by outcome: done, again later, at once at the next gateway) -> recorded (many rows at once, fenced).
//!
//! A definite refusal may be tried at the next gateway within the same claim; a lost answer never is. A crash at any
//! point leaves either an unclaimed row or an open attempt, which the sweep finds.

mod call;
mod claim;
mod further;
mod judge;
mod record;
mod reroute;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mashang_domain::time::Timestamp;
use mashang_entity::delivery;
use mashang_infra::bugs::{self, Bug};
use mashang_infra::store;
use mashang_infra::store::delivery::Settled;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::service::Core;

/// No call is begun with less of the lease left than its time-out and this.
const MARGIN: Duration = Duration::from_secs(1);

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
        match claim::claim(core, part).await {
            Ok((plan, deadline)) => {
                sent.claimed += plan.batches.iter().map(|b| b.items.len()).sum::<usize>();
                sent.recorded += call::travel_all(core, plan, deadline).await;
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
        _ if bugs::has(Bug::BadItemStops) => return Err(error),
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
