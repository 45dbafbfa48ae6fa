//! Calls that read a template aloud: SendTtsVoice, one number a call, by default 20 calls a second.
//!
//! An accepted call is not a heard one: only the receipt says that somebody answered. It names the provider's id of the
//! call and the number, not our reference.

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};
use serde::{Deserialize, Serialize};

use super::client::{Service, TcClient};
use super::values;
use crate::gateway::account::Templates;
use crate::gateway::registry::BuildError;
use crate::gateway::{Batch, Gateway, Now, ReceiptMatch, Recipient, Terms};

/// The voice side of an account.
pub struct TencentVoice {
    terms: Terms,
    client: TcClient,
    templates: Templates,
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
            terms: Terms {
                receipt_match: ReceiptMatch::ProviderIdAndPhone,
                ..Terms::of(settings, Channel::Voice)
            },
            client: TcClient::new(settings, service, now)?,
            templates: Templates::of(settings),
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
