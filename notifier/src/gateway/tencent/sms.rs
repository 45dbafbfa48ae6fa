//! Short messages: one text for up to 200 numbers a call, all domestic or all foreign, and a status for each of them.
//!
//! Recipients with equal variables share a call; those with variables of their own travel alone. The provider tells our
//! reference (SessionContext) once per call, so a call carries that of its first recipient; its own id is one per number.

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};
use serde::{Deserialize, Serialize};

use super::client::{Service, TcClient};
use super::{errors, values};
use crate::gateway::account::{Templates, required};
use crate::gateway::registry::BuildError;
use crate::gateway::turns::no_turn;
use crate::gateway::{Answering, AtOnce, Batch, Gateway, Now, ReceiptMatch, Recipient, Terms, Turns, apart};

/// Numbers in one call.
const MOST: usize = 200;

/// The SMS side of an account.
pub struct TencentSms {
    terms: Terms,
    pub(super) client: TcClient,
    /// Whether receipts wait there for whoever fetches them.
    pub(super) fetches: bool,
    sign_name: String,
    templates: Templates,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendSms<'a> {
    phone_number_set: Vec<&'a str>,
    sms_sdk_app_id: &'a str,
    template_id: &'a str,
    sign_name: &'a str,
    template_param_set: Vec<&'a str>,
    session_context: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statuses {
    send_status_set: Vec<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    #[serde(default)]
    serial_no: String,
    phone_number: String,
    code: String,
}

impl TencentSms {
    /// Fails without keys, `app_id` or `sign_name`, or with an endpoint that has a path.
    pub fn new(settings: &GatewaySettings, now: Now) -> Result<Self, BuildError> {
        let service = Service { name: "sms", version: "2021-01-11" };
        Ok(Self {
            terms: Terms {
                max_batch: settings.max_batch.clamp(1, MOST),
                per_recipient_variables: false,
                receipt_match: ReceiptMatch::ProviderIdAndPhone,
                ..Terms::of(settings, Channel::Sms)
            },
            client: TcClient::new(settings, service, now)?,
            fetches: settings.fetch_receipts,
            sign_name: required(settings, "sign_name", &settings.sign_name)?,
            templates: Templates::of(settings),
        })
    }

    /// The recipients of a batch, a slice for each call: equal variables, one side of the border, no more than fit.
    fn calls<'a>(&self, batch: &'a Batch) -> impl Iterator<Item = &'a [Recipient]> {
        let most = if batch.template.is_login() { 1 } else { self.terms.max_batch };
        let together =
            |a: &Recipient, b: &Recipient| a.variables == b.variables && domestic(a) == domestic(b);
        batch.recipients.chunk_by(together).flat_map(move |same| same.chunks(most))
    }

    async fn send_call(&self, template: &str, recipients: &[Recipient], turns: &dyn Turns) -> Vec<Outcome> {
        match self.send_sms(template, recipients).await {
            Ok(outcomes) => outcomes,
            Err(whole) if recipients.len() > 1 && whole.is_about_the_number() => {
                apart::singly(self, template, recipients, turns).await
            }
            Err(whole) => vec![whole; recipients.len()],
        }
    }

    /// One outcome per recipient, or the one that is true of all.
    async fn send_sms(&self, template: &str, recipients: &[Recipient]) -> Result<Vec<Outcome>, Outcome> {
        let Some(first) = recipients.first() else { return Ok(Vec::new()) };
        let body = SendSms {
            phone_number_set: recipients.iter().map(|r| r.to.reveal()).collect(),
            sms_sdk_app_id: &self.client.app_id,
            template_id: template,
            sign_name: &self.sign_name,
            template_param_set: values(first),
            session_context: &first.reference,
        };
        let answer: Statuses = self.client.call("SendSms", &body).await?;
        Ok(recipients.iter().enumerate().map(|(n, r)| of_number(&answer.send_status_set, n, r)).collect())
    }
}

fn domestic(recipient: &Recipient) -> bool {
    recipient.to.reveal().starts_with("+86")
}

/// The status of a recipient: at its own place, and for its own number. Anything else proves nothing.
fn of_number(statuses: &[Status], place: usize, recipient: &Recipient) -> Outcome {
    let own = statuses.get(place).filter(|s| s.phone_number == recipient.to.reveal());
    match own {
        Some(status) if status.code == "Ok" && !status.serial_no.is_empty() => {
            Outcome::Accepted { provider_id: status.serial_no.clone() }
        }
        Some(status) if status.code == "Ok" => Outcome::unknown("incomplete_ok"),
        Some(status) => errors::outcome(&status.code, None),
        None => Outcome::unknown("no_status_for_number"),
    }
}

#[async_trait]
impl apart::SendOne for TencentSms {
    async fn send_one(&self, template: &str, recipient: &Recipient) -> Outcome {
        match self.send_sms(template, std::slice::from_ref(recipient)).await {
            Ok(mut outcomes) => outcomes.swap_remove(0),
            Err(outcome) => outcome,
        }
    }
}

#[async_trait]
impl Gateway for TencentSms {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn as_answering(&self) -> Option<&dyn Answering> {
        Some(self)
    }

    fn sent_references(&self, batch: &Batch) -> Vec<String> {
        let shared = |call: &[Recipient]| vec![call[0].reference.clone(); call.len()];
        self.calls(batch).flat_map(shared).collect()
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        self.send_in_turn(batch, &AtOnce).await
    }

    async fn send_in_turn(&self, batch: &Batch, turns: &dyn Turns) -> Vec<Outcome> {
        let template = match self.templates.code(batch) {
            Ok(template) => template,
            Err(outcomes) => return outcomes,
        };
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for (n, call) in self.calls(batch).enumerate() {
            if n > 0 && !turns.next().await {
                break;
            }
            outcomes.extend(self.send_call(template, call, turns).await);
        }
        outcomes.resize(batch.recipients.len(), no_turn());
        outcomes
    }
}
