//! Calls that read the text aloud: by TwiML that we send along, or by an address of yours that answers TwiML.
//!
//! An accepted call is not a heard one: only the receipt says that somebody, or an answering machine, took it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};

use super::client::TwilioClient;
use super::twiml;
use crate::gateway::form::encode_pairs;
use crate::gateway::registry::BuildError;
use crate::gateway::{Batch, Gateway, Recipient, Site, Terms};

/// The calls of an account.
pub struct TwilioVoice {
    terms: Terms,
    client: TwilioClient,
    /// Addresses that answer TwiML, by our template keys.
    addresses: BTreeMap<String, String>,
}

impl TwilioVoice {
    /// Fails without keys, `app_id` or `sender`, with an endpoint that has a path, or with a template that is no address.
    pub fn new(settings: &GatewaySettings, site: &Site) -> Result<Self, BuildError> {
        let is_address = |text: &String| text.starts_with("https://") || text.starts_with("http://");
        if !settings.templates.values().all(is_address) {
            return Err(BuildError::TemplateAddress { gateway: settings.name.clone() });
        }
        Ok(Self {
            terms: Terms::of(settings, Channel::Voice),
            client: TwilioClient::new(settings, "Calls", site)?,
            addresses: settings.templates.clone(),
        })
    }

    async fn call(&self, template: &str, recipient: &Recipient) -> Outcome {
        let (field, what) = match self.addresses.get(template) {
            Some(address) => ("Url", with_variables(address, recipient)),
            None => ("Twiml", twiml::reading(&recipient.text)),
        };
        let form = [("To", recipient.to.reveal()), ("From", &self.client.sender), (field, &what)];
        self.client.call(&form, &recipient.reference).await
    }
}

/// The address with the variables of a person in its query.
fn with_variables(address: &str, recipient: &Recipient) -> String {
    let pairs: Vec<(&str, &str)> =
        recipient.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if pairs.is_empty() {
        return address.to_owned();
    }
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{}", encode_pairs(&pairs))
}

#[async_trait]
impl Gateway for TwilioVoice {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            outcomes.push(self.call(batch.template.as_str(), recipient).await);
        }
        outcomes
    }
}
