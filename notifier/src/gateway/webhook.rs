//! Anybody's own gateway: a POST signed by the rules of Standard Webhooks, one message each.
//!
//! ```text
//! POST {endpoint}                       webhook-id: {reference}   webhook-timestamp, webhook-signature
//! {"type": "sms"|"voice", "to": ["+8613800138000"], "template": "alert_2", "params": {..}, "text": "..", "sign": "..", "reference": ".."}
//! ```
//! An endpoint without a path means `/webhook/sms` or `/webhook/voice`. The receiver answers 2xx with
//! `{"id": "..", "messages": [{"id": ".."}]}` (or 204), and the same again for a repeated id, sending nothing: that makes
//! this gateway idempotent. It refuses with `{"error": ".."}` and 422 (bad number), 429 (slower, `Retry-After`; or
//! `daily_limit` for this person), 402 (account), another 4xx (configuration).

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, ErrorClass, Outcome};
use reqwest::Client;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::batch::{Variables, json_text};
use super::http::{self, Answer, Endpoint, Exchange};
use super::registry::BuildError;
use super::{Batch, Gateway, Now, Recipient, Terms};
use crate::standard_webhooks::WebhookSecret;

/// Messages of one batch that are on their way at the same time.
const AT_ONCE: usize = 8;

/// Somebody's own gateway, on one channel.
pub struct Webhook {
    terms: Terms,
    http: Client,
    endpoint: Endpoint,
    secret: WebhookSecret,
    sign_name: String,
    templates: BTreeMap<String, String>,
    now: Now,
}

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    to: [&'a str; 1],
    template: &'a str,
    params: Variables<'a>,
    text: &'a str,
    sign: &'a str,
    reference: &'a str,
}

impl Webhook {
    /// Fails without an endpoint or with a secret that is not `whsec_` and base64.
    pub fn new(settings: &GatewaySettings, channel: Channel, now: Now) -> Result<Self, BuildError> {
        let gateway = || settings.name.clone();
        let endpoint = Endpoint::parse(&settings.endpoint);
        let mut endpoint = endpoint.ok_or_else(|| BuildError::Endpoint { gateway: gateway() })?;
        if endpoint.url.path() == "/" {
            endpoint.url.set_path(&format!("/webhook/{channel}"));
        }
        let secret = WebhookSecret::parse(settings.access_key_secret.expose_secret());
        Ok(Self {
            // One message is one call, so that the rate holds whatever the dispatcher hands over.
            terms: Terms { idempotent: true, ..Terms::of(settings, channel) },
            http: http::client(settings).map_err(|source| BuildError::Http { gateway: gateway(), source })?,
            endpoint,
            secret: secret.ok_or_else(|| BuildError::WebhookSecret { gateway: gateway() })?,
            sign_name: settings.sign_name.clone(),
            templates: settings.templates.clone(),
            now,
        })
    }

    async fn post(&self, template: &str, recipient: &Recipient) -> Outcome {
        let body = json_text(&Message {
            r#type: self.terms.channel.as_str(),
            to: [recipient.to.reveal()],
            template,
            params: Variables(&recipient.variables),
            text: &recipient.text,
            sign: &self.sign_name,
            reference: &recipient.reference,
        });
        let now = (self.now)().secs();
        let request = self
            .http
            .post(self.endpoint.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &recipient.reference)
            .header("webhook-timestamp", now)
            .header("webhook-signature", self.secret.sign(&recipient.reference, now, body.as_bytes()))
            .body(body);
        read(http::exchange(request).await, &recipient.reference)
    }
}

#[derive(Default, Deserialize)]
struct Reply {
    id: Option<String>,
    #[serde(default)]
    messages: Vec<Taken>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Taken {
    id: String,
}

fn read(exchange: Exchange, reference: &str) -> Outcome {
    let answer = match exchange.answered() {
        Ok(answer) => answer,
        Err(outcome) => return outcome,
    };
    let reply: Reply = match answer.json() {
        Ok(reply) => reply,
        Err(_) if answer.status == 204 => Reply::default(),
        Err(outcome) => return outcome,
    };
    if (200..300).contains(&answer.status) {
        let id = reply.messages.into_iter().next().map(|taken| taken.id).or(reply.id);
        return Outcome::Accepted { provider_id: id.unwrap_or_else(|| reference.to_owned()) };
    }
    refused(&answer, reply.error)
}

fn refused(answer: &Answer, error: Option<String>) -> Outcome {
    let code = error.unwrap_or_else(|| format!("http_{}", answer.status));
    let class = match answer.status {
        429 if code == "daily_limit" => ErrorClass::FrequencyLimited,
        429 => ErrorClass::Throttled,
        422 => ErrorClass::NumberInvalid,
        402 => ErrorClass::Account,
        408 => return Outcome::unknown(code),
        400..=499 => ErrorClass::Configuration,
        _ => return Outcome::unknown(code),
    };
    Outcome::Rejected { class, code, retry_after_ms: answer.retry_after_ms }
}

#[async_trait]
impl Gateway for Webhook {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let key = batch.template.as_str();
        let template = self.templates.get(key).map_or(key, String::as_str);
        let mut messages = FuturesOrdered::new();
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            if messages.len() == AT_ONCE {
                outcomes.extend(messages.next().await);
            }
            messages.push_back(self.post(template, recipient));
        }
        while let Some(outcome) = messages.next().await {
            outcomes.push(outcome);
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fall_into_their_classes() {
        let rejected = |class, code: &str| Outcome::rejected(class, code);
        let taken = |id: &str| Outcome::Accepted { provider_id: id.to_owned() };
        for (status, body, expected) in [
            (202, r#"{"id":"w1","messages":[{"to":"+86","id":"w1-0"}]}"#, taken("w1-0")),
            (200, r#"{"id":"w1"}"#, taken("w1")),
            (200, "{}", taken("ref")),
            (204, "", taken("ref")),
            (200, "", Outcome::unknown("unreadable_answer_200")),
            (200, r#"{"id":"w"#, Outcome::unknown("unreadable_answer_200")),
            (422, r#"{"error":"invalid_number"}"#, rejected(ErrorClass::NumberInvalid, "invalid_number")),
            (429, r#"{"error":"rate_limited"}"#, rejected(ErrorClass::Throttled, "rate_limited")),
            (429, r#"{"error":"daily_limit"}"#, rejected(ErrorClass::FrequencyLimited, "daily_limit")),
            (402, "{}", rejected(ErrorClass::Account, "http_402")),
            (401, r#"{"error":"bad_signature"}"#, rejected(ErrorClass::Configuration, "bad_signature")),
            (404, "<html>", Outcome::unknown("unreadable_answer_404")),
            (500, r#"{"error":"internal_error"}"#, Outcome::unknown("internal_error")),
        ] {
            let answer = Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() };
            assert_eq!(read(Exchange::Answered(answer), "ref"), expected, "{status} {body}");
        }
    }
}
