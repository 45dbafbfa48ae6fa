//! What the dispatcher has to know of a gateway, beside how to send.

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::Channel;

/// The terms on which a gateway takes messages. They do not change while it lives.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The name in the settings, unique among gateways.
    pub name: String,
    pub channel: Channel,
    /// How many recipients the dispatcher should hand over at a time. A longer batch is sent in several calls.
    pub max_batch: usize,
    /// Whether recipients of one batch may have different variables.
    pub per_recipient_variables: bool,
    /// Calls a second that the dispatcher may make; one call carries up to `max_batch` recipients.
    pub rate_per_second: u32,
    /// Whether a resend under the same reference is harmless, so that an unknown outcome may be resent at once.
    pub idempotent: bool,
    /// How a receipt finds its attempt.
    pub receipt_match: ReceiptMatch,
}

impl Terms {
    /// Those of most: one message a call, no resend is harmless, receipts name the attempt.
    pub fn of(settings: &GatewaySettings, channel: Channel) -> Self {
        Self {
            name: settings.name.clone(),
            channel,
            max_batch: 1,
            per_recipient_variables: true,
            rate_per_second: settings.rate_per_second,
            idempotent: false,
            receipt_match: ReceiptMatch::Reference,
        }
    }

    /// Those of a gateway that sends nothing to anybody: no limit worth the name, and every resend is harmless.
    pub fn stub(name: String, channel: Channel) -> Self {
        Self {
            name,
            channel,
            max_batch: 100,
            per_recipient_variables: true,
            rate_per_second: 10_000,
            idempotent: true,
            receipt_match: ReceiptMatch::Never,
        }
    }
}

/// What identifies the attempt a receipt speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptMatch {
    /// The provider's id is shared by a whole call: match (provider id, phone). For an attempt whose answer was lost there
    /// is no provider id: match (reference, phone), where the reference of the receipt is the attempt's own or its
    /// [`super::Gateway::sent_references`].
    ProviderIdAndPhone,
    /// The receipt names the attempt's own reference; the provider's id is per person as well.
    Reference,
    /// No receipts come.
    Never,
}
