//! One signed call to Alibaba Cloud, and what its answer means.

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::Outcome;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::errors::{Verdict, verdict};
use super::sign::AcsRequest;
use crate::gateway::account::Account;
use crate::gateway::form::{FORM, encode_pairs};
use crate::gateway::http::{self, Answer, Exchange};
use crate::gateway::registry::BuildError;
use crate::gateway::{NoAnswer, Now};

const VERSION: &str = "2017-05-25";

/// An account's access to one service.
pub(super) struct AcsClient {
    account: Account,
    now: Now,
}

/// The operation and its parameters, as names and values.
pub(super) struct Call<'a> {
    pub(super) action: &'static str,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Sent in the body; empty for none.
    pub(super) form: &'a [(&'a str, &'a str)],
}

impl AcsClient {
    /// Fails without a key or with an endpoint that is no bare URL.
    pub(super) fn new(settings: &GatewaySettings, now: Now) -> Result<Self, BuildError> {
        Ok(Self { account: Account::new(settings)?, now })
    }

    /// Makes one call that sends.
    pub(super) async fn call(&self, call: Call<'_>) -> Outcome {
        read(self.exchange(call).await)
    }

    /// Makes one call that asks.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, NoAnswer> {
        let answer = self.exchange(call).await.answered()?;
        match answer.json::<Reply>() {
            Ok(reply) if reply.code == "OK" && answer.status < 300 => Ok(answer.json()?),
            Ok(reply) if reply.code == "OK" => Err(answer.unreadable().into()),
            _ => Err(read(Exchange::Answered(answer)).into()),
        }
    }

    /// Every call has a nonce and a time of its own, so that a repeat is signed anew.
    async fn exchange(&self, call: Call<'_>) -> Exchange {
        let nonce = Uuid::new_v4().simple().to_string();
        let body = encode_pairs(call.form);
        let request = AcsRequest {
            method: "POST",
            path: "/",
            host: &self.account.endpoint.host,
            action: call.action,
            version: VERSION,
            query: call.query,
            body: body.as_bytes(),
            content_type: (!body.is_empty()).then_some(FORM),
            now: (self.now)(),
            nonce: &nonce,
        };
        let headers = request.headers();
        let authorization =
            request.authorize(&headers, &self.account.key_id, self.account.secret.expose_secret());
        let mut url = self.account.endpoint.url.clone();
        url.set_query(Some(&encode_pairs(call.query)));
        let mut builder = self.account.http.post(url).header("authorization", authorization);
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        http::exchange(builder.body(body)).await
    }
}

/// What every answer of the two services may carry. The message and the request id are not needed and not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    code: String,
    biz_id: Option<String>,
    call_id: Option<String>,
}

/// Reads the body first and the status second: the same business code comes with 200 from one service and 400 from another.
fn read(exchange: Exchange) -> Outcome {
    exchange.outcome(|answer, reply: Reply| {
        if reply.code == "OK" {
            return accepted(answer, reply);
        }
        match verdict(&reply.code, answer.status) {
            Verdict::Refused(class) => {
                Outcome::Rejected { class, code: reply.code, retry_after_ms: answer.retry_after_ms }
            }
            Verdict::Unknown => Outcome::unknown(reply.code),
        }
    })
}

fn accepted(answer: &Answer, reply: Reply) -> Outcome {
    let id = reply.biz_id.or(reply.call_id).filter(|id| !id.is_empty());
    match id {
        Some(provider_id) if answer.status < 300 => Outcome::Accepted { provider_id },
        Some(_) | None => Outcome::unknown(format!("incomplete_ok_{}", answer.status)),
    }
}

#[cfg(test)]
mod tests {
    use mashang_domain::delivery::ErrorClass;

    use super::*;

    fn outcome(status: u16, body: &str) -> Outcome {
        read(Exchange::Answered(Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() }))
    }

    #[test]
    fn the_body_speaks_before_the_status() {
        let refused = |class, code: &str| Outcome::rejected(class, code);
        let taken = |id: &str| Outcome::Accepted { provider_id: id.to_owned() };
        for (status, body, expected) in [
            (200, r#"{"Code":"OK","BizId":"7^0","Message":"OK"}"#, taken("7^0")),
            (200, r#"{"Code":"OK","CallId":"8^1"}"#, taken("8^1")),
            (200, r#"{"Code":"OK"}"#, Outcome::unknown("incomplete_ok_200")),
            (500, r#"{"Code":"OK","BizId":"7^0"}"#, Outcome::unknown("incomplete_ok_500")),
            (200, r#"{"Code":"OK","BizId":"7^"#, Outcome::unknown("unreadable_answer_200")),
            (
                200,
                r#"{"Code":"isv.AMOUNT_NOT_ENOUGH"}"#,
                refused(ErrorClass::Account, "isv.AMOUNT_NOT_ENOUGH"),
            ),
            (
                500,
                r#"{"Code":"isv.AMOUNT_NOT_ENOUGH"}"#,
                refused(ErrorClass::Account, "isv.AMOUNT_NOT_ENOUGH"),
            ),
            (500, r#"{"Code":"InternalError"}"#, Outcome::unknown("InternalError")),
            (502, "<html>Bad Gateway</html>", Outcome::unknown("unreadable_answer_502")),
            (302, "", Outcome::unknown("unreadable_answer_302")),
        ] {
            assert_eq!(outcome(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn only_what_was_not_written_is_sure_to_have_sent_nothing() {
        assert_eq!(read(Exchange::NotSent), Outcome::rejected(ErrorClass::Retry, "not_sent"));
        assert_eq!(read(Exchange::Lost("timeout")), Outcome::unknown("timeout"));
    }
}
