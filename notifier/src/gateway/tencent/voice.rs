//! Calls that read a template aloud: SendTtsVoice, one number a call, by default 20 calls a second.
//!
//! An accepted call is not a heard one: only the receipt says that somebody answered. It names the provider's id of the
//! call and the number, not our reference.

use std::fmt;

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};
use serde::{Deserialize, Serialize};

use super::client::{Service, TcClient};
use super::values;
use crate::gateway::account::Templates;
use crate::gateway::registry::BuildError;
use crate::gateway::{Batch, Gateway, Now, ReceiptMatch, Recipient};

/// The voice side of an account.
pub struct TencentVoice {
    name: String,
    client: TcClient,
    templates: Templates,
    rate: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendTtsVoice<'a> {
    template_id: &'a str,
    called_number: &'a str,
    // The provider writes `Appid` here and `AppId` for SMS.
    #[serde(rename = "VoiceSdkAppid")]
    voice_sdk_app_id: &'a str,
    template_param_set: Vec<&'a str>,
    /// How often the text is read: once more for who did not understand.
    play_times: u8,
    session_context: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Called {
    send_status: CallStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CallStatus {
    call_id: String,
}

impl TencentVoice {
    /// Fails without keys or `app_id`, or with an endpoint that has a path.
    pub fn new(settings: &GatewaySettings, now: Now) -> Result<Self, BuildError> {
        let service = Service { name: "vms", version: "2020-09-02" };
        Ok(Self {
            name: settings.name.clone(),
            client: TcClient::new(settings, service, now)?,
            templates: Templates::of(settings),
            rate: settings.rate_per_second,
        })
    }

    async fn call(&self, template: &str, recipient: &Recipient) -> Outcome {
        let body = SendTtsVoice {
            template_id: template,
            called_number: recipient.to.reveal(),
            voice_sdk_app_id: &self.client.app_id,
            template_param_set: values(recipient),
            play_times: 2,
            session_context: &recipient.reference,
        };
        match self.client.call::<Called>("SendTtsVoice", &body).await {
            Ok(called) if called.send_status.call_id.is_empty() => Outcome::unknown("incomplete_ok"),
            Ok(called) => Outcome::Accepted { provider_id: called.send_status.call_id },
            Err(outcome) => outcome,
        }
    }
}

#[async_trait]
impl Gateway for TencentVoice {
    fn name(&self) -> &str {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Voice
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
        ReceiptMatch::ProviderIdAndPhone
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

impl fmt::Debug for TencentVoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TencentVoice").field("name", &self.name).finish_non_exhaustive()
    }
}
