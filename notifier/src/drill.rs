//! The gateways of a drill: they take everything and send nothing. No drill ever sees another one.

use async_trait::async_trait;
use mashang_domain::delivery::{Channel, Outcome};

use crate::gateway::{Batch, Gateway, ReceiptMatch};

/// A stub on one channel.
#[derive(Debug)]
pub struct DrillGateway {
    channel: Channel,
    name: &'static str,
}

impl DrillGateway {
    pub const fn new(channel: Channel) -> Self {
        let name = match channel {
            Channel::Sms => "drill-sms",
            Channel::Voice => "drill-voice",
            Channel::Email => "drill-email",
        };
        Self { channel, name }
    }
}

#[async_trait]
impl Gateway for DrillGateway {
    fn name(&self) -> &str {
        self.name
    }

    fn channel(&self) -> Channel {
        self.channel
    }

    fn max_batch(&self) -> usize {
        1_000
    }

    fn per_recipient_variables(&self) -> bool {
        true
    }

    fn rate_per_second(&self) -> u32 {
        10_000
    }

    fn idempotent(&self) -> bool {
        true
    }

    fn receipt_match(&self) -> ReceiptMatch {
        ReceiptMatch::Never
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let taken = |reference: &String| Outcome::Accepted { provider_id: format!("drill-{reference}") };
        batch.recipients.iter().map(|r| taken(&r.reference)).collect()
    }
}
