//! Ending the operation: who may, and in which order the data is destroyed.
//!
//! One administrator asks, another confirms within a day. From then on there is no way back: every step is recorded
//! before the next begins, each can be repeated, and the keys go before the data, so that no interruption leaves
//! anything readable.

use uuid::Uuid;

use super::OperationState;
use crate::time::{DAY, Timestamp};

/// Milliseconds in which the second administrator must confirm.
pub const CONFIRM_WITHIN: i64 = DAY;

crate::macros::words! {
    /// What has been done of the destruction; the order is fixed.
    DestructionStep {
        /// Requests are refused.
        Stopped = "stopped",
        /// Nothing more is sent.
        AlertsCancelled = "alerts_cancelled",
        /// Sealed values and keyed hashes mean nothing any more.
        KeysDestroyed = "keys_destroyed",
        /// The rows of every table were counted.
        Counted = "counted",
        /// The tables are empty and their files rewritten.
        Emptied = "emptied",
        /// Queue and caches are empty.
        CachesCleared = "caches_cleared",
        /// The certificate was written and signed.
        Certified = "certified",
    }
}

/// What the rule needs to know of the operation.
#[derive(Debug, Clone, Copy)]
pub struct OperationFacts {
    pub state: OperationState,
    pub end_requested_by: Option<Uuid>,
    pub end_requested_at: Option<Timestamp>,
}

/// What an administrator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndStep {
    Request,
    Confirm,
}

/// Why it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndRefused {
    #[error("the operation has ended")]
    Ended,
    #[error("the end was requested already and waits for another administrator")]
    AlreadyRequested,
    #[error("nobody has requested the end, or the request has lapsed")]
    NotRequested,
    #[error("who requested the end cannot confirm it")]
    SamePerson,
}

/// The state after `step` by `actor`, or why not. A request lapses after [`CONFIRM_WITHIN`].
pub fn end_step(
    operation: &OperationFacts,
    step: EndStep,
    actor: Uuid,
    now: Timestamp,
) -> Result<OperationState, EndRefused> {
    let pending = match (operation.end_requested_by, operation.end_requested_at) {
        (Some(by), Some(at)) if now < at + CONFIRM_WITHIN => Some(by),
        (Some(_) | None, Some(_) | None) => None,
    };
    let pending = pending.filter(|_| operation.state == OperationState::EndRequested);
    match (step, operation.state, pending) {
        (EndStep::Request | EndStep::Confirm, OperationState::Ended, _) => Err(EndRefused::Ended),
        (EndStep::Request, _, Some(_)) => Err(EndRefused::AlreadyRequested),
        (EndStep::Request, _, None) => Ok(OperationState::EndRequested),
        (EndStep::Confirm, _, None) => Err(EndRefused::NotRequested),
        (EndStep::Confirm, _, Some(by)) if by == actor => Err(EndRefused::SamePerson),
        (EndStep::Confirm, _, Some(_)) => Ok(OperationState::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);
    const T: Timestamp = Timestamp(1_000_000);

    fn facts(state: OperationState, by: Option<Uuid>) -> OperationFacts {
        OperationFacts { state, end_requested_by: by, end_requested_at: by.map(|_| T) }
    }

    #[test]
    fn two_administrators_within_a_day() {
        use EndStep::{Confirm, Request};
        use OperationState::{EndRequested, Ended, Running};
        let running = facts(Running, None);
        let asked = facts(EndRequested, Some(A));
        let cases = [
            (running, Request, A, T, Ok(EndRequested)),
            (running, Confirm, B, T, Err(EndRefused::NotRequested)),
            (asked, Request, B, T, Err(EndRefused::AlreadyRequested)),
            (asked, Confirm, A, T, Err(EndRefused::SamePerson)),
            (asked, Confirm, B, T + CONFIRM_WITHIN - 1, Ok(Ended)),
            (asked, Confirm, B, T + CONFIRM_WITHIN, Err(EndRefused::NotRequested)),
            (asked, Request, B, T + CONFIRM_WITHIN, Ok(EndRequested)),
            (facts(Ended, Some(A)), Confirm, B, T, Err(EndRefused::Ended)),
            (facts(Ended, Some(A)), Request, B, T, Err(EndRefused::Ended)),
        ];
        for (operation, step, actor, now, expected) in cases {
            assert_eq!(end_step(&operation, step, actor, now), expected, "{operation:?} {step:?}");
        }
    }

    #[test]
    fn the_keys_go_before_the_data() {
        assert!(DestructionStep::KeysDestroyed < DestructionStep::Counted);
        assert!(DestructionStep::Counted < DestructionStep::Emptied);
    }
}
