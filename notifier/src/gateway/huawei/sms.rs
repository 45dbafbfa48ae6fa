//! Short messages to up to 500 numbers a call, with a status and an id for each.
//!
//! Recipients with equal variables share a form, others a JSON list. Our reference (`extend`) is one per call and comes back
//! in every receipt, which names no number: so only a call to one person carries that person's own reference, and a longer
//! call one that is nobody's ([`shared`]). A receipt then finds its attempt by the provider's id alone.

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, Outcome};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::client::{HuaweiClient, Taken};
use super::errors;
use crate::gateway::account::{Templates, required};
use crate::gateway::batch::json_text;
use crate::gateway::form::{FORM, encode_pairs, escape};
use crate::gateway::registry::BuildError;
use crate::gateway::{Batch, Gateway, Recipient, Site, Terms, apart};

/// Numbers in one call.
const MOST: usize = 500;
const SAME: &str = "/sms/batchSendSms/v1";
const DIFFERENT: &str = "/sms/batchSendDiffSms/v1";
const JSON: &str = "application/json";

/// The SMS of an application.
pub struct HuaweiSms {
    terms: Terms,
    client: HuaweiClient,
    sender: String,
    sign_name: String,
    templates: Templates,
    callback: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiffSms<'a> {
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_callback: Option<&'a str>,
    sms_content: Vec<Content<'a>>,
    extend: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    to: Vec<&'a str>,
    template_id: &'a str,
    template_paras: Vec<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    signature: &'a str,
}

impl HuaweiSms {
    /// Fails without keys or `sender`, or with an endpoint that has a path. Receipts are asked for where there is a public
    /// address and a `receipt_secret`: the provider does not sign them.
    pub fn new(settings: &GatewaySettings, site: &Site) -> Result<Self, BuildError> {
        let secret = settings.receipt_secret.expose_secret();
        let callback = site.receipts(&settings.name).filter(|_| !secret.is_empty());
        Ok(Self {
            terms: Terms {
                max_batch: settings.max_batch.clamp(1, MOST),
                ..Terms::of(settings, Channel::Sms)
            },
            client: HuaweiClient::new(settings, site.now.clone())?,
            sender: required(settings, "sender", &settings.sender)?,
            sign_name: settings.sign_name.clone(),
            templates: Templates::of(settings),
            callback: callback.map(|url| format!("{url}/{}", escape(secret))),
        })
    }

    /// The recipients of a batch, a slice for each call. Login codes travel alone.
    fn calls<'a>(&self, batch: &'a Batch) -> std::slice::Chunks<'a, Recipient> {
        batch.recipients.chunks(if batch.template.is_login() { 1 } else { self.terms.max_batch })
    }

    async fn send_call(&self, template: &str, recipients: &[Recipient]) -> Vec<Outcome> {
        let answer = if apart::same_variables(recipients) {
            self.client.call(SAME, FORM, self.form(template, recipients)).await
        } else {
            self.client.call(DIFFERENT, JSON, self.list(template, recipients)).await
        };
        match answer {
            Ok(taken) => recipients.iter().enumerate().map(|(n, r)| of_number(&taken, n, r)).collect(),
            Err(whole) => vec![whole; recipients.len()],
        }
    }

    fn form(&self, template: &str, recipients: &[Recipient]) -> String {
        let numbers = recipients.iter().map(|r| r.to.reveal()).collect::<Vec<_>>().join(",");
        let values = json_text(&recipients.first().map(values).unwrap_or_default());
        let extend = shared(recipients);
        let mut form = vec![
            ("from", self.sender.as_str()),
            ("to", &numbers),
            ("templateId", template),
            ("templateParas", &values),
            ("extend", &extend),
        ];
        form.extend(self.callback.iter().map(|url| ("statusCallback", url.as_str())));
        if !self.sign_name.is_empty() {
            form.push(("signature", &self.sign_name));
        }
        encode_pairs(&form)
    }

    fn content<'a>(&'a self, template: &'a str, same: &'a [Recipient]) -> Content<'a> {
        Content {
            to: same.iter().map(|r| r.to.reveal()).collect(),
            template_id: template,
            template_paras: same.first().map(values).unwrap_or_default(),
            signature: &self.sign_name,
        }
    }

    /// Neighbours with equal variables stand together.
    fn list(&self, template: &str, recipients: &[Recipient]) -> String {
        let groups = recipients.chunk_by(|a, b| a.variables == b.variables);
        json_text(&DiffSms {
            from: &self.sender,
            status_callback: self.callback.as_deref(),
            sms_content: groups.map(|same| self.content(template, same)).collect(),
            extend: &shared(recipients),
        })
    }
}

fn values(recipient: &Recipient) -> Vec<&str> {
    recipient.variables.iter().map(|(_, value)| value.as_str()).collect()
}

/// What a call is called: the reference of its one recipient, or one that no attempt has.
fn shared(recipients: &[Recipient]) -> String {
    match recipients {
        [] => String::new(),
        [one] => one.reference.clone(),
        [first, ..] => format!("b{}", first.reference),
    }
}

/// The status of a recipient: at its own place, and for its own number. A number that is none may come back empty. Anything
/// else proves nothing.
fn of_number(taken: &[Taken], place: usize, recipient: &Recipient) -> Outcome {
    let Some(status) = taken.get(place) else { return Outcome::unknown("no_status_for_number") };
    let named = status.origin_to.as_deref().filter(|number| !number.is_empty());
    match (named, status.status.as_str()) {
        (Some(number), _) if number != recipient.to.reveal() => Outcome::unknown("no_status_for_number"),
        (Some(_), errors::OK) if !status.sms_msg_id.is_empty() => {
            Outcome::Accepted { provider_id: status.sms_msg_id.clone() }
        }
        (_, errors::OK | "") => Outcome::unknown("incomplete_ok"),
        (_, code) => errors::of_number(code),
    }
}

#[async_trait]
impl Gateway for HuaweiSms {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn sent_references(&self, batch: &Batch) -> Vec<String> {
        self.calls(batch).flat_map(|call| vec![shared(call); call.len()]).collect()
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let template = match self.templates.code(batch) {
            Ok(template) => template,
            Err(outcomes) => return outcomes,
        };
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for call in self.calls(batch) {
            outcomes.extend(self.send_call(template, call).await);
        }
        outcomes
    }
}
