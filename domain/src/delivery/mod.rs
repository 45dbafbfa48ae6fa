//! One message on its way to one person: its channel, its state, and what the provider said.

pub mod cap;
pub mod outcome;
pub mod retry;
pub mod state;

pub use cap::NumberCaps;
pub use outcome::{ErrorClass, Outcome};

crate::macros::words! {
    /// The road a message takes. A gateway serves exactly one.
    Channel {
        /// A text message.
        Sms = "sms",
        /// A telephone call that reads the text aloud.
        Voice = "voice",
        /// An e-mail: to officials, and as a fall-back.
        Email = "email",
        /// A message of a mini-program to a person who agreed to it (WeChat: subscribe message). Sent at most once, whatever
        /// becomes of its answer: an agreement is good for one message.
        Subscribe = "subscribe",
    }
}

crate::macros::words! {
    /// A rung of the delivery ladder.
    RungKind {
        /// A login code: sent once, by itself, before everything else.
        Login = "login",
        Sms = "sms",
        Call = "call",
        /// A call that is made only when no receipt of the SMS came in time.
        CallWithoutReceipt = "call_without_receipt",
        Email = "email",
        /// A message of a mini-program.
        Subscribe = "subscribe",
    }
}

crate::macros::words! {
    /// Where a delivery stands. States only move forward, but for `sending -> pending` (a definite refusal that may be
    /// retried) and `unknown -> pending` (resent after the reconcile window).
    DeliveryState {
        /// Waits for its time or for a worker.
        Pending = "pending",
        /// Claimed; an attempt was written and the gateway may have been called.
        Sending = "sending",
        /// The provider took it and gave an id.
        Accepted = "accepted",
        /// The receipt says the message arrived or the call was heard.
        Delivered = "delivered",
        /// The receipt says it did not arrive.
        Undelivered = "undelivered",
        /// The provider's answer was lost: looked up, never resent blindly.
        Unknown = "unknown",
        /// Given up, with the provider's reason: a dead letter.
        Failed = "failed",
        /// Its warning became stale before it could be sent.
        Expired = "expired",
        /// Its alert was cancelled before it was sent.
        Cancelled = "cancelled",
        /// There is no number to reach.
        Unreachable = "unreachable",
        /// Its condition did not come to pass (the SMS had its receipt).
        Skipped = "skipped",
    }
}

impl Channel {
    /// Whether a message whose answer was lost may go out once more, when no receipt told that it arrived.
    pub const fn may_resend(self) -> bool {
        match self {
            Channel::Sms | Channel::Voice | Channel::Email => true,
            Channel::Subscribe => false,
        }
    }
}

impl DeliveryState {
    /// Nothing more will happen of itself.
    pub const fn is_final(self) -> bool {
        match self {
            DeliveryState::Pending
            | DeliveryState::Sending
            | DeliveryState::Unknown
            | DeliveryState::Accepted => false,
            DeliveryState::Delivered
            | DeliveryState::Undelivered
            | DeliveryState::Failed
            | DeliveryState::Expired
            | DeliveryState::Cancelled
            | DeliveryState::Unreachable
            | DeliveryState::Skipped => true,
        }
    }
}
