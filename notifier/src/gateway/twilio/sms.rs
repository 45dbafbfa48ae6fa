//! Text messages: the rendered text as it is, up to 1,600 characters.

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};

use super::client::TwilioClient;
use crate::gateway::registry::BuildError;
use crate::gateway::{Batch, Gateway, Recipient, Site, Terms};

/// How the id of a messaging service begins; everything else is a number or a name to send from.
const SERVICE: &str = "MG";

/// The messages of an account.
pub struct TwilioSms {
    terms: Terms,
    client: TwilioClient,
}

impl TwilioSms {
    /// Fails without keys, `app_id` or `sender`, or with an endpoint that has a path.
    pub fn new(settings: &GatewaySettings, site: &Site) -> Result<Self, BuildError> {
        Ok(Self {
            terms: Terms::of(settings, Channel::Sms),
            client: TwilioClient::new(settings, "Messages", site)?,
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
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            outcomes.push(self.post(recipient).await);
        }
        outcomes
    }
}
