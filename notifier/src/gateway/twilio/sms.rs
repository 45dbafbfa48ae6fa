//! Text messages: the rendered text as it is, up to 1,600 characters.

use std::fmt;

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};

use super::client::TwilioClient;
use crate::gateway::registry::BuildError;
use crate::gateway::{Batch, Gateway, ReceiptMatch, Recipient, Site};

/// How the id of a messaging service begins; everything else is a number or a name to send from.
const SERVICE: &str = "MG";

/// The messages of an account.
pub struct TwilioSms {
    name: String,
    client: TwilioClient,
    rate: u32,
}

impl TwilioSms {
    /// Fails without keys, `app_id` or `sender`, or with an endpoint that has a path.
    pub fn new(settings: &GatewaySettings, site: &Site) -> Result<Self, BuildError> {
        Ok(Self {
            name: settings.name.clone(),
            client: TwilioClient::new(settings, "Messages", site)?,
            rate: settings.rate_per_second,
        })
    }

    async fn post(&self, recipient: &Recipient) -> Outcome {
        let sender = &self.client.sender;
        let from = if sender.starts_with(SERVICE) { "MessagingServiceSid" } else { "From" };
        let form = [("To", recipient.to.reveal()), (from, sender), ("Body", &recipient.text)];
        self.client.call(&form, &recipient.reference).await
    }
}

#[async_trait]
impl Gateway for TwilioSms {
    fn name(&self) -> &str {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn max_batch(&self) -> usize {
        1
    }

    fn per_recipient_variables(&self) -> bool {
        true
    }

    fn rate_per_second(&self) -> u32 {
        self.rate
    }

    fn idempotent(&self) -> bool {
        false
    }

    fn receipt_match(&self) -> ReceiptMatch {
        ReceiptMatch::Reference
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            outcomes.push(self.post(recipient).await);
        }
        outcomes
    }
}

impl fmt::Debug for TwilioSms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioSms").field("name", &self.name).finish_non_exhaustive()
    }
}
