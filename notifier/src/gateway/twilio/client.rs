//! One call to Twilio, and its answer.

use data_encoding::BASE64;
use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::Outcome;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::REFERENCE;
use super::errors;
use crate::gateway::Site;
use crate::gateway::account::{Account, required};
use crate::gateway::form::{FORM, encode_pairs, escape};
use crate::gateway::http::{self, Exchange};
use crate::gateway::registry::BuildError;

/// An account's access to one of its resources.
pub(super) struct TwilioClient {
    account: Account,
    /// `Messages` or `Calls`, with the account before it.
    path: String,
    /// The number or service that messages come from.
    pub(super) sender: String,
    callback: Option<String>,
}

impl TwilioClient {
    /// Fails without a key, `app_id` (the account, `AC..`) or `sender`, or with an endpoint that has a path.
    pub(super) fn new(
        settings: &GatewaySettings,
        resource: &'static str,
        site: &Site,
    ) -> Result<Self, BuildError> {
        let sid = required(settings, "app_id", &settings.app_id)?;
        Ok(Self {
            account: Account::new(settings)?,
            path: format!("/2010-04-01/Accounts/{}/{resource}.json", escape(&sid)),
            sender: required(settings, "sender", &settings.sender)?,
            callback: site.receipts(&settings.name),
        })
    }

    /// Makes one call. `form` is what the resource wants beside the callback.
    pub(super) async fn call(&self, form: &[(&str, &str)], reference: &str) -> Outcome {
        let callback =
            self.callback.as_ref().map(|url| format!("{url}?{}", encode_pairs(&[(REFERENCE, reference)])));
        let mut form = form.to_vec();
        form.extend(callback.iter().map(|url| ("StatusCallback", url.as_str())));
        let mut url = self.account.endpoint.url.clone();
        url.set_path(&self.path);
        let request = self
            .account
            .http
            .post(url)
            .header("authorization", authorization(&self.account.key_id, self.account.secret.expose_secret()))
            .header("content-type", FORM)
            .body(encode_pairs(&form));
        read(http::exchange(request).await)
    }
}

/// The value of `Authorization`: the account or an API key, and its secret.
pub fn authorization(key_id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{key_id}:{secret}").as_bytes()))
}

/// What an answer may carry: the id of what was made, or a code. The texts are not needed and not read.
#[derive(Deserialize)]
struct Reply {
    sid: Option<String>,
    code: Option<u32>,
}

/// Reads the body first and the status second.
fn read(exchange: Exchange) -> Outcome {
    exchange.outcome(|answer, reply: Reply| match (reply.sid, reply.code) {
        (Some(provider_id), _) if (200..300).contains(&answer.status) && !provider_id.is_empty() => {
            Outcome::Accepted { provider_id }
        }
        (_, Some(code)) if answer.status >= 400 => {
            errors::outcome(code, answer.status, answer.retry_after_ms)
        }
        _ => answer.unreadable(),
    })
}

#[cfg(test)]
mod tests {
    use mashang_domain::delivery::ErrorClass;

    use super::*;
    use crate::gateway::http::Answer;

    #[test]
    fn only_a_whole_answer_is_an_answer() {
        let rejected = |class, code: &str| Outcome::rejected(class, code);
        for (status, body, expected) in [
            (
                201,
                r#"{"sid":"SM1","status":"queued","error_code":null}"#,
                Outcome::Accepted { provider_id: "SM1".into() },
            ),
            (201, r#"{"sid":"SM1","sta"#, Outcome::unknown("unreadable_answer_201")),
            (201, r#"{"sid":""}"#, Outcome::unknown("unreadable_answer_201")),
            (500, r#"{"sid":"SM1"}"#, Outcome::unknown("unreadable_answer_500")),
            (302, "{}", Outcome::unknown("unreadable_answer_302")),
            (502, "<html>", Outcome::unknown("unreadable_answer_502")),
            (400, r#"{"code":21211,"message":"Invalid 'To'"}"#, rejected(ErrorClass::NumberInvalid, "21211")),
            (500, r#"{"code":20500}"#, Outcome::unknown("20500")),
        ] {
            let answer = Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() };
            assert_eq!(read(Exchange::Answered(answer)), expected, "{status} {body}");
        }
    }
}
