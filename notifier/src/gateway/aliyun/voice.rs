//! Calls that read a template aloud: SingleCallByTts, one number a call.
//!
//! An accepted call is not a heard one: only the receipt says that somebody listened. OutId takes 1 to 15 bytes.

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, ErrorClass, Outcome};

use super::client::{AcsClient, Call};
use super::wire_number;
use crate::gateway::account::Templates;
use crate::gateway::batch::{Variables, json_text};
use crate::gateway::registry::BuildError;
use crate::gateway::{Batch, Gateway, Now, Recipient, Terms};

/// The voice side of an account.
pub struct AliyunVoice {
    terms: Terms,
    client: AcsClient,
    show_number: String,
    templates: Templates,
}

impl AliyunVoice {
    /// Fails without keys, or with an endpoint that has a path.
    pub fn new(settings: &GatewaySettings, now: Now) -> Result<Self, BuildError> {
        Ok(Self {
            terms: Terms::of(settings, Channel::Voice),
            client: AcsClient::new(settings, now)?,
            show_number: settings.called_show_number.clone(),
            templates: Templates::of(settings),
        })
    }

    async fn call(&self, template: &str, recipient: &Recipient) -> Outcome {
        if !recipient.reference_fits() {
            return Outcome::rejected(ErrorClass::Configuration, "reference_does_not_fit");
        }
        let param = json_text(&Variables(&recipient.variables));
        let mut query = vec![
            ("CalledNumber", wire_number(recipient.to.reveal())),
            ("TtsCode", template),
            ("OutId", &recipient.reference),
        ];
        if !recipient.variables.is_empty() {
            query.push(("TtsParam", &param));
        }
        if !self.show_number.is_empty() {
            query.push(("CalledShowNumber", &self.show_number));
        }
        self.client.call(Call { action: "SingleCallByTts", query: &query, form: &[] }).await
    }
}

#[async_trait]
impl Gateway for AliyunVoice {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let template = match self.templates.code(batch) {
            Ok(template) => template,
            Err(outcomes) => return outcomes,
        };
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            outcomes.push(self.call(template, recipient).await);
        }
        outcomes
    }
}
