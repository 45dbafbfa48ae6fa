//! One signed call to Tencent Cloud, and its answer.

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::Outcome;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::errors;
use super::sign::{CONTENT_TYPE, TcRequest};
use crate::gateway::Now;
use crate::gateway::account::{Account, required};
use crate::gateway::batch::json_text;
use crate::gateway::http::{self, Exchange};
use crate::gateway::registry::BuildError;

/// A service of the provider.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

/// An account's access to one service.
pub(super) struct TcClient {
    account: Account,
    service: Service,
    region: String,
    /// The application of the console, which templates and signatures belong to.
    pub(super) app_id: String,
    now: Now,
}

impl TcClient {
    /// Fails without a key or `app_id`, or with an endpoint that is no bare URL.
    pub(super) fn new(settings: &GatewaySettings, service: Service, now: Now) -> Result<Self, BuildError> {
        Ok(Self {
            account: Account::new(settings)?,
            service,
            region: required(settings, "region", &settings.region)?,
            app_id: required(settings, "app_id", &settings.app_id)?,
            now,
        })
    }

    /// Makes one call, signed anew. The error is what is true of everybody in it.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        body: &impl Serialize,
    ) -> Result<T, Outcome> {
        let body = json_text(body);
        let now = (self.now)();
        let request = TcRequest {
            host: &self.account.endpoint.host,
            service: self.service.name,
            content_type: CONTENT_TYPE,
            body: body.as_bytes(),
            now,
        };
        let authorization = request.authorization(&self.account.key_id, self.account.secret.expose_secret());
        let builder = self
            .account
            .http
            .post(self.account.endpoint.url.clone())
            .header("authorization", authorization)
            .header("content-type", CONTENT_TYPE)
            .header("host", &self.account.endpoint.host)
            .header("x-tc-action", action)
            .header("x-tc-version", self.service.version)
            .header("x-tc-region", &self.region)
            .header("x-tc-timestamp", now.secs());
        read(http::exchange(builder.body(body)).await)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<T> {
    response: Body<T>,
}

/// The message and the request id are not needed and not read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Body<T> {
    Refused {
        #[serde(rename = "Error")]
        error: Refusal,
    },
    Done(T),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
}

/// The body alone speaks: business answers, good and bad, have status 200.
fn read<T: DeserializeOwned>(exchange: Exchange) -> Result<T, Outcome> {
    let answer = exchange.answered()?;
    match answer.json::<Envelope<T>>()? {
        Envelope { response: Body::Refused { error } } => {
            Err(errors::outcome(&error.code, answer.retry_after_ms))
        }
        Envelope { response: Body::Done(done) } if answer.status < 300 => Ok(done),
        Envelope { response: Body::Done(_) } => Err(answer.unreadable()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sms::Statuses;
    use mashang_domain::delivery::ErrorClass;

    use super::*;
    use crate::gateway::http::Answer;

    fn answer(status: u16, body: &str) -> Result<Statuses, Outcome> {
        read(Exchange::Answered(Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() }))
    }

    #[test]
    fn only_a_whole_answer_is_an_answer() {
        let ok = r#"{"Response":{"SendStatusSet":[{"SerialNo":"1:2","PhoneNumber":"+8613800000000","Code":"Ok"}],"RequestId":"r"}}"#;
        assert!(answer(200, ok).is_ok());
        assert_eq!(answer(500, ok).err(), Some(Outcome::unknown("unreadable_answer_500")));
        assert_eq!(answer(200, &ok[..40]).err(), Some(Outcome::unknown("unreadable_answer_200")));
        assert_eq!(answer(502, "<html>").err(), Some(Outcome::unknown("unreadable_answer_502")));
        let refused =
            r#"{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"m"},"RequestId":"r"}}"#;
        let expected = Outcome::rejected(ErrorClass::Configuration, "AuthFailure.SignatureFailure");
        assert_eq!(answer(200, refused).err(), Some(expected));
        assert_eq!(
            read::<Statuses>(Exchange::NotSent).err(),
            Some(Outcome::rejected(ErrorClass::Retry, "not_sent"))
        );
    }
}
