//! The work list: people whom no message reached, and people who asked for a call. An official takes one, calls or visits,
//! and says what came of it.

use crate::delivery::DeliveryState;
use crate::time::{HOUR, Timestamp};

crate::macros::words! {
    /// Why somebody stands on the list.
    WorkReason {
        /// There is no number.
        NoNumber = "no_number",
        /// Every rung of the ladder ended without reaching them.
        NotReached = "not_reached",
        /// They asked to be called.
        CallBack = "call_back",
    }
}

crate::macros::words! {
    WorkState {
        Open = "open",
        /// Somebody is at it.
        Taken = "taken",
        Done = "done",
        /// No longer needed: a message arrived after all, they confirmed the notice, or the alert was taken back.
        Withdrawn = "withdrawn",
    }
}

crate::macros::words! {
    /// What came of a call or a visit.
    WorkResult {
        Reached = "reached",
        /// Nobody answered: it stays on the list.
        NoAnswer = "no_answer",
        /// The number is somebody else's.
        WrongNumber = "wrong_number",
        /// Told in person.
        Visited = "visited",
        /// Every means was tried.
        GaveUp = "gave_up",
    }
}

/// Milliseconds for which what somebody took is theirs; after that another may take it.
pub const TAKEN_FOR: i64 = 2 * HOUR;

/// Where an item goes with a result.
pub const fn after(result: WorkResult) -> WorkState {
    match result {
        WorkResult::NoAnswer => WorkState::Open,
        WorkResult::Reached | WorkResult::WrongNumber | WorkResult::Visited | WorkResult::GaveUp => {
            WorkState::Done
        }
    }
}

/// Whether somebody else may take what was taken at `taken_at`.
pub fn lapsed(taken_at: Timestamp, now: Timestamp) -> bool {
    now - taken_at >= TAKEN_FOR
}

/// Whether a rung that stands so has told its person, or still may.
pub const fn may_tell(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Pending
        | DeliveryState::Sending
        | DeliveryState::Unknown
        | DeliveryState::Accepted
        | DeliveryState::Delivered => true,
        DeliveryState::Undelivered
        | DeliveryState::Failed
        | DeliveryState::Expired
        | DeliveryState::Cancelled
        | DeliveryState::Unreachable
        | DeliveryState::Skipped => false,
    }
}

/// Whether a rung that stands so is a reason to look for its person: it was tried, or could not be.
pub const fn has_missed(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Undelivered | DeliveryState::Failed | DeliveryState::Unreachable => true,
        DeliveryState::Pending
        | DeliveryState::Sending
        | DeliveryState::Unknown
        | DeliveryState::Accepted
        | DeliveryState::Delivered
        | DeliveryState::Expired
        | DeliveryState::Cancelled
        | DeliveryState::Skipped => false,
    }
}

/// Whether a person with these rungs belongs on the list. A warning that only became stale is counted as expired: to call
/// about it would be as late.
pub fn belongs(rungs: &[DeliveryState]) -> bool {
    rungs.iter().any(|s| has_missed(*s)) && !rungs.iter().any(|s| may_tell(*s))
}

#[cfg(test)]
mod tests {
    use DeliveryState::{
        Accepted, Cancelled, Delivered, Expired, Failed, Pending, Sending, Skipped, Undelivered, Unknown,
        Unreachable,
    };
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], false)]
    #[case::no_number(&[Unreachable], true)]
    #[case::refused_and_not_called_yet(&[Failed, Pending], false)]
    #[case::refused_twice(&[Failed, Failed], true)]
    #[case::refused_and_called(&[Failed, Delivered], false)]
    #[case::on_its_way(&[Undelivered, Sending], false)]
    #[case::may_have_arrived(&[Undelivered, Unknown], false)]
    #[case::accepted_without_receipt(&[Accepted, Failed], false)]
    #[case::undelivered_and_too_late_to_call(&[Undelivered, Expired], true)]
    #[case::stale(&[Expired, Expired], false)]
    #[case::cancelled(&[Cancelled, Cancelled], false)]
    #[case::not_needed(&[Delivered, Skipped], false)]
    fn who_belongs_on_the_list(#[case] rungs: &[DeliveryState], #[case] expected: bool) {
        assert_eq!(belongs(rungs), expected);
    }

    #[test]
    fn only_an_unanswered_call_comes_back() {
        let back: Vec<&str> =
            WorkResult::ALL.iter().filter(|r| after(**r) == WorkState::Open).map(|r| r.as_str()).collect();
        assert_eq!(back, ["no_answer"]);
        assert!(
            !lapsed(Timestamp(0), Timestamp(TAKEN_FOR - 1)) && lapsed(Timestamp(0), Timestamp(TAKEN_FOR))
        );
    }
}
