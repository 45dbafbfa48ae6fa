//! What an outcome means for its delivery: done, again later, at once elsewhere, or given up.

use std::time::Duration;

use mashang_domain::delivery::retry::{Next, Refusal, Standing};
use mashang_domain::delivery::{Channel, DeliveryState, ErrorClass, Outcome};
use mashang_infra::bugs::{self, Bug};
use mashang_infra::store::delivery::Settled;

use crate::gateway::ReceiptMatch;
use crate::plan::{GATEWAYS_PAUSED, Item};
use crate::service::Core;

/// The outcome as a word, for metrics and attempts.
pub(super) const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Rejected { class, .. } => class.as_str(),
    }
}

/// Definite refusals that another gateway may not share.
pub(super) fn may_go_elsewhere(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Unknown { .. } => false,
        Outcome::Rejected { class, .. } => match class {
            ErrorClass::Retry | ErrorClass::Account | ErrorClass::Configuration => true,
            ErrorClass::Throttled | ErrorClass::NumberInvalid | ErrorClass::FrequencyLimited => false,
        },
    }
}

/// Where a delivery goes after an outcome; `None` = its call was not begun.
pub(super) fn judge(core: &Core, item: &Item, gateway: &str, outcome: Option<&Outcome>) -> Settled {
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
        found_by_id: false,
        code: None,
        outcome: outcome.map_or("not_begun", word).to_owned(),
    };
    match outcome {
        None if core.life.soft.is_cancelled() => settled.due_at = now,
        None if core.router.by_name(gateway).is_some_and(|road| road.is_paused()) => {
            // Another gateway may take it at once.
            settled.code = Some(GATEWAYS_PAUSED.to_owned());
        }
        None => {
            let backlog = core.router.by_name(gateway).map_or(Duration::ZERO, |road| road.pace.backlog());
            let wait = i64::try_from(backlog.as_millis()).unwrap_or(0).min(core.reconcile().wait);
            settled.due_at = now + wait / 2 + 1;
        }
        Some(Outcome::Accepted { provider_id }) => {
            (settled.state, settled.tries) = (DeliveryState::Accepted, row.tries + 1);
            settled.provider_id = Some(provider_id.clone());
            settled.found_by_id = core
                .router
                .by_name(gateway)
                .is_some_and(|road| road.gateway.terms().receipt_match == ReceiptMatch::Reference);
        }
        Some(Outcome::Unknown { code }) => {
            let wait = core.reconcile().wait_for(row.channel == Channel::Voice, gateway);
            (settled.state, settled.tries) = (DeliveryState::Unknown, row.tries + 1);
            let until = now + wait;
            if bugs::has(Bug::BlindResend) {
                (settled.state, settled.due_at) = (DeliveryState::Pending, now);
                return settled;
            }
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
