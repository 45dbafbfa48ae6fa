//! Short messages. Recipients with equal variables share a SendSms call, others a SendBatchSms call.
//!
//! A call succeeds or fails as a whole and yields one BizId for all of its numbers. The two refusals that are due to one
//! number ([`super::errors::blames_one_number`]) would hold up everybody in the call, so the call is then taken apart into
//! one per recipient; nothing had been accepted, so nobody is warned twice.
//!
//! OutId is one per call as well: a call carries the reference of its first recipient. A receipt is found by (BizId, phone),
//! or, when the answer was lost, by (OutId, phone) with the recipient's own reference or the one of `sent_references`.

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, ErrorClass, Outcome};

use super::client::{AcsClient, Call};
use super::{errors, wire_number};
use crate::gateway::account::{Templates, required};
use crate::gateway::batch::{Variables, json_text};
use crate::gateway::registry::BuildError;
use crate::gateway::turns::no_turn;
use crate::gateway::{Answering, AtOnce, Batch, Gateway, Now, ReceiptMatch, Recipient, Terms, Turns, apart};

/// Numbers in one SendSms call. The provider takes 1,000, but a request line of that length has not been tried.
const MAX_SAME: usize = 500;
/// Numbers in one SendBatchSms call.
const MAX_DIFFERENT: usize = 100;

/// The SMS side of an account.
pub struct AliyunSms {
    terms: Terms,
    pub(super) client: AcsClient,
    sign_name: String,
    templates: Templates,
}

impl AliyunSms {
    /// Fails without keys or `sign_name`, or with an endpoint that has a path.
    pub fn new(settings: &GatewaySettings, now: Now) -> Result<Self, BuildError> {
        Ok(Self {
            terms: Terms {
                max_batch: settings.max_batch.clamp(1, MAX_SAME),
                receipt_match: ReceiptMatch::ProviderIdAndPhone,
                ..Terms::of(settings, Channel::Sms)
            },
            client: AcsClient::new(settings, now)?,
            sign_name: required(settings, "sign_name", &settings.sign_name)?,
            templates: Templates::of(settings),
        })
    }

    /// The recipients of a batch, a slice for each call. Login codes travel alone.
    fn calls<'a>(&self, batch: &'a Batch) -> std::slice::Chunks<'a, Recipient> {
        let most = match (batch.template.is_login(), apart::same_variables(&batch.recipients)) {
            (true, _) => 1,
            (false, true) => self.terms.max_batch,
            (false, false) => self.terms.max_batch.min(MAX_DIFFERENT),
        };
        batch.recipients.chunks(most)
    }

    async fn send_call(&self, template: &str, recipients: &[Recipient], turns: &dyn Turns) -> Vec<Outcome> {
        let outcome = self.send_whole(template, recipients).await;
        match &outcome {
            Outcome::Rejected { code, .. } if recipients.len() > 1 && errors::blames_one_number(code) => {
                apart::singly(self, template, recipients, turns).await
            }
            Outcome::Accepted { .. } | Outcome::Rejected { .. } | Outcome::Unknown { .. } => {
                vec![outcome; recipients.len()]
            }
        }
    }

    async fn send_whole(&self, template: &str, recipients: &[Recipient]) -> Outcome {
        if apart::same_variables(recipients) {
            self.send_sms(template, recipients).await
        } else {
            self.send_batch_sms(template, recipients).await
        }
    }

    async fn send_sms(&self, template: &str, recipients: &[Recipient]) -> Outcome {
        let Some(first) = recipients.first() else { return Outcome::rejected(ErrorClass::Retry, "empty") };
        let numbers = recipients.iter().map(|r| wire_number(r.to.reveal())).collect::<Vec<_>>().join(",");
        let param = json_text(&Variables(&first.variables));
        let mut query = vec![
            ("PhoneNumbers", numbers.as_str()),
            ("SignName", &self.sign_name),
            ("TemplateCode", template),
            ("OutId", &first.reference),
        ];
        if !first.variables.is_empty() {
            query.push(("TemplateParam", &param));
        }
        self.client.call(Call { action: "SendSms", query: &query, form: &[] }).await
    }

    async fn send_batch_sms(&self, template: &str, recipients: &[Recipient]) -> Outcome {
        let Some(first) = recipients.first() else { return Outcome::rejected(ErrorClass::Retry, "empty") };
        let numbers = json_text(&recipients.iter().map(|r| wire_number(r.to.reveal())).collect::<Vec<_>>());
        let signs = json_text(&vec![self.sign_name.as_str(); recipients.len()]);
        let params = json_text(&recipients.iter().map(|r| Variables(&r.variables)).collect::<Vec<_>>());
        let query = [("TemplateCode", template), ("OutId", first.reference.as_str())];
        let form = [
            ("PhoneNumberJson", numbers.as_str()),
            ("SignNameJson", signs.as_str()),
            ("TemplateParamJson", params.as_str()),
        ];
        self.client.call(Call { action: "SendBatchSms", query: &query, form: &form }).await
    }
}

#[async_trait]
impl apart::SendOne for AliyunSms {
    async fn send_one(&self, template: &str, recipient: &Recipient) -> Outcome {
        self.send_whole(template, std::slice::from_ref(recipient)).await
    }
}

#[async_trait]
impl Gateway for AliyunSms {
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
