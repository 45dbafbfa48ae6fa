//! Subscribe messages of a WeChat mini-program (`/cgi-bin/message/subscribe/send`), to people who agreed to the template.
//!
//! A person's consent is good for one message, and WeChat knows no reference of ours: a lost answer stays lost, nothing is
//! sent again. The one repeat is after an access token that WeChat did not take, when nothing had been sent.

mod errors;
mod fields;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{Channel, ErrorClass, Outcome};
use mashang_domain::person::Address;
use mashang_infra::platform::wechat::{Access, CodeWish, Sent, Wechat};
use mashang_infra::platform::{Failure, PlatformError};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::account::{Templates, required};
use super::http::Endpoint;
use super::registry::BuildError;
use super::{Batch, Gateway, ReceiptMatch, Recipient, Site, Terms};

/// A mini-program that writes.
pub struct WechatSubscribe {
    terms: Terms,
    wechat: Wechat,
    templates: Templates,
    /// WeChat's names of our variables.
    fields: BTreeMap<String, String>,
    page: String,
    timeout: Duration,
}

impl WechatSubscribe {
    /// Fails without app id and secret, and with an endpoint that has a path.
    pub fn new(settings: &GatewaySettings, site: &Site) -> Result<Self, BuildError> {
        let gateway = || settings.name.clone();
        let app_id = required(settings, "access_key_id", &settings.access_key_id)?;
        required(settings, "access_key_secret", settings.access_key_secret.expose_secret())?;
        let endpoint = Endpoint::parse(&settings.endpoint).filter(|endpoint| endpoint.url.path() == "/");
        let endpoint = endpoint.ok_or_else(|| BuildError::Endpoint { gateway: gateway() })?;
        // Only subscribe messages go out here; which version of the mini-program they open is the account's own affair.
        let access = Access {
            endpoint: endpoint.url.into(),
            app_id,
            app_secret: settings.access_key_secret.clone(),
            connect_timeout_ms: settings.connect_timeout_ms,
            timeout_ms: settings.timeout_ms,
            codes_per_minute: 1,
            code: CodeWish::default(),
        };
        let wechat = Wechat::new(access, site.shelf()).map_err(|error| match error {
            PlatformError::Setting { .. } | PlatformError::Http => {
                BuildError::Endpoint { gateway: gateway() }
            }
        })?;
        Ok(Self {
            terms: Terms { receipt_match: ReceiptMatch::Never, ..Terms::of(settings, Channel::Subscribe) },
            wechat,
            templates: Templates::of(settings),
            fields: settings.fields.clone(),
            page: settings.page.clone(),
            timeout: Duration::from_millis(settings.timeout_ms),
        })
    }

    async fn write(&self, template: &str, code: &str, recipient: &Recipient) -> Outcome {
        let Address::Account(to) = &recipient.to else {
            return Outcome::rejected(ErrorClass::NumberInvalid, "no_account");
        };
        let data = match self.data(template, &recipient.variables) {
            Ok(data) => data,
            Err(variable) => {
                return Outcome::rejected(ErrorClass::Configuration, format!("no_field_{variable}"));
            }
        };
        let deadline = Instant::now() + self.timeout;
        match self.wechat.send_subscribe(to, code, &self.page, data, deadline).await {
            Sent::Taken(id) => {
                Outcome::Accepted { provider_id: id.unwrap_or_else(|| recipient.reference.clone()) }
            }
            Sent::Refused(code) => errors::outcome(code),
            Sent::Lost(how) => Outcome::unknown(how),
            Sent::NotSent(failure) => not_sent(failure),
        }
    }

    /// The variables under WeChat's names, each as long as its kind allows; the name of one that has none.
    fn data(&self, template: &str, variables: &[(String, String)]) -> Result<Map<String, Value>, String> {
        let mut data = Map::new();
        for (name, value) in variables {
            let own = self.fields.get(&format!("{template}.{name}")).or_else(|| self.fields.get(name));
            let field = own.ok_or_else(|| name.clone())?;
            data.insert(field.clone(), json!({ "value": fields::fitted(field, value) }));
        }
        Ok(data)
    }
}

/// A message that certainly did not go out.
fn not_sent(failure: Failure) -> Outcome {
    match failure {
        Failure::NotSent => Outcome::rejected(ErrorClass::Retry, "not_sent"),
        Failure::TooOften(code) => Outcome::rejected(ErrorClass::Throttled, code),
        Failure::Settings { code, .. } => Outcome::rejected(ErrorClass::Configuration, code),
        Failure::Refused(code) => Outcome::rejected(ErrorClass::Configuration, code),
        Failure::Busy(_) | Failure::Lost(_) | Failure::Overloaded | Failure::Code(_) | Failure::Blocked => {
            Outcome::rejected(ErrorClass::Retry, "no_token")
        }
    }
}

#[async_trait]
impl Gateway for WechatSubscribe {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    async fn send(&self, batch: &Batch) -> Vec<Outcome> {
        let template = batch.template.as_str();
        let code = match self.templates.code(batch) {
            Ok(code) => code,
            Err(outcomes) => return outcomes,
        };
        let mut outcomes = Vec::with_capacity(batch.recipients.len());
        for recipient in &batch.recipients {
            outcomes.push(self.write(template, code, recipient).await);
        }
        outcomes
    }
}
