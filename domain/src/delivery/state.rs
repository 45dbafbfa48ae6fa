//! The rule of transitions of a delivery: forward only, each for a named event.
//!
//! The store writes whole sets of rows with the `WHERE state = ..` that [`from`] names, so that the statements and this
//! rule cannot drift apart.

use super::DeliveryState;
use super::DeliveryState::{
    Accepted, Cancelled, Delivered, Expired, Failed, Pending, Sending, Skipped, Undelivered, Unknown,
    Unreachable,
};

crate::macros::words! {
    /// What happens to a delivery.
    DeliveryEvent {
        /// A worker takes it: lease, epoch and attempt are written before any call.
        Claim = "claim",
        /// The provider took it.
        Accept = "accept",
        /// A definite refusal that may be tried again, or a claim that was given back before any call.
        Refuse = "refuse",
        /// A definite refusal for good, or no more tries.
        GiveUp = "give_up",
        /// The provider's answer was lost, or the worker with it.
        LoseAnswer = "lose_answer",
        /// The reconcile window passed without a receipt: once more.
        Resend = "resend",
        /// A receipt: it arrived.
        Deliver = "deliver",
        /// A receipt: it did not arrive.
        FailToDeliver = "fail_to_deliver",
        /// Its warning became stale.
        Expire = "expire",
        /// Its alert was cancelled.
        Cancel = "cancel",
        /// There is no number.
        LoseNumber = "lose_number",
        /// Its condition did not come to pass.
        Skip = "skip",
        /// An operator wants a dead letter sent again.
        Revive = "revive",
    }
}

/// The states in which `event` may happen.
pub const fn from(event: DeliveryEvent) -> &'static [DeliveryState] {
    match event {
        DeliveryEvent::Claim | DeliveryEvent::Expire | DeliveryEvent::Cancel | DeliveryEvent::Skip => {
            &[Pending]
        }
        // An answer that comes late may find its delivery given up as unknown, or waiting for its resend.
        DeliveryEvent::Accept => &[Sending, Unknown, Pending],
        DeliveryEvent::Refuse | DeliveryEvent::LoseAnswer => &[Sending],
        DeliveryEvent::GiveUp => &[Sending, Unknown],
        DeliveryEvent::LoseNumber => &[Pending, Sending],
        DeliveryEvent::Resend => &[Unknown],
        // A receipt may overtake the answer, settle an attempt whose delivery waits for its resend, and come after we
        // gave up.
        DeliveryEvent::Deliver => &[Pending, Sending, Accepted, Unknown, Undelivered, Failed],
        DeliveryEvent::FailToDeliver => &[Sending, Accepted, Unknown],
        DeliveryEvent::Revive => &[Failed, Undelivered],
    }
}

/// The state that `event` leads to.
pub const fn to(event: DeliveryEvent) -> DeliveryState {
    match event {
        DeliveryEvent::Claim => Sending,
        DeliveryEvent::Accept => Accepted,
        DeliveryEvent::Refuse | DeliveryEvent::Resend | DeliveryEvent::Revive => Pending,
        DeliveryEvent::GiveUp => Failed,
        DeliveryEvent::LoseAnswer => Unknown,
        DeliveryEvent::Deliver => Delivered,
        DeliveryEvent::FailToDeliver => Undelivered,
        DeliveryEvent::Expire => Expired,
        DeliveryEvent::Cancel => Cancelled,
        DeliveryEvent::LoseNumber => Unreachable,
        DeliveryEvent::Skip => Skipped,
    }
}

/// The state after `event`; `None` when it may not happen there.
pub fn next(state: DeliveryState, event: DeliveryEvent) -> Option<DeliveryState> {
    from(event).contains(&state).then_some(to(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_in_every_state() {
        let table = |state: DeliveryState| -> Vec<&'static str> {
            let may = |e: &&DeliveryEvent| next(state, **e).is_some();
            DeliveryEvent::ALL.iter().filter(may).map(|e| e.as_str()).collect()
        };
        for (state, events) in [
            (Pending, "claim accept deliver expire cancel lose_number skip"),
            (Sending, "accept refuse give_up lose_answer deliver fail_to_deliver lose_number"),
            (Accepted, "deliver fail_to_deliver"),
            (Unknown, "accept give_up resend deliver fail_to_deliver"),
            (Undelivered, "deliver revive"),
            (Failed, "deliver revive"),
            (Delivered, ""),
            (Expired, ""),
            (Cancelled, ""),
            (Unreachable, ""),
            (Skipped, ""),
        ] {
            assert_eq!(table(state).join(" "), events, "{state}");
        }
    }

    #[test]
    fn a_late_failure_never_unmakes_a_delivery() {
        assert_eq!(next(Delivered, DeliveryEvent::FailToDeliver), None);
        assert_eq!(next(Delivered, DeliveryEvent::Deliver), None, "a second receipt changes nothing");
    }
}
