//! One signed call to Huawei Cloud, and its answer.

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::Outcome;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::errors;
use super::sign::SdkRequest;
use crate::gateway::Now;
use crate::gateway::account::Account;
use crate::gateway::http::{self, Exchange};
use crate::gateway::registry::BuildError;

/// An application's access to the service.
pub(super) struct HuaweiClient {
    account: Account,
    now: Now,
}

/// One number of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Taken {
    /// The number as we wrote it; may be absent where it is no number.
    pub(super) origin_to: Option<String>,
    pub(super) sms_msg_id: String,
    pub(super) status: String,
}

/// What an answer may carry; the gateway in front of the service writes its codes under another name.
#[derive(Deserialize)]
struct Reply {
    #[serde(alias = "error_code")]
    code: String,
    #[serde(default)]
    result: Vec<Taken>,
}

impl HuaweiClient {
    /// Fails without a key, or with an endpoint that has a path.
    pub(super) fn new(settings: &GatewaySettings, now: Now) -> Result<Self, BuildError> {
        Ok(Self { account: Account::new(settings)?, now })
    }

    /// Makes one call, signed anew. The error is what is true of everybody in it.
    pub(super) async fn call(
        &self,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Result<Vec<Taken>, Outcome> {
        let request = SdkRequest {
            host: &self.account.endpoint.host,
            path,
            content_type,
            body: body.as_bytes(),
            now: (self.now)(),
        };
        let authorization = request.authorization(&self.account.key_id, self.account.secret.expose_secret());
        let mut url = self.account.endpoint.url.clone();
        url.set_path(path);
        let mut builder = self.account.http.post(url).header("authorization", authorization);
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        read(http::exchange(builder.body(body)).await)
    }
}

/// Reads the body first and the status second. A call some of whose numbers were refused answers for each of them.
fn read(exchange: Exchange) -> Result<Vec<Taken>, Outcome> {
    let answer = exchange.answered()?;
    let reply: Reply = answer.json()?;
    let each = matches!(reply.code.as_str(), errors::OK | errors::SOME_REFUSED);
    match reply.result.is_empty() {
        false if each && answer.status < 300 => Ok(reply.result),
        _ if reply.code == errors::OK => Err(answer.unreadable()),
        _ => Err(errors::of_call(&reply.code, answer.status, answer.retry_after_ms)),
    }
}

#[cfg(test)]
mod tests {
    use mashang_domain::delivery::ErrorClass;

    use super::*;
    use crate::gateway::http::Answer;

    fn answer(status: u16, body: &str) -> Result<usize, Outcome> {
        let answer = Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() };
        read(Exchange::Answered(answer)).map(|taken| taken.len())
    }

    #[test]
    fn only_a_whole_answer_is_an_answer() {
        let one = r#""result":[{"originTo":"+8613800000001","smsMsgId":"m_1","status":"000000","total":1}]"#;
        assert_eq!(answer(200, &format!(r#"{{"code":"000000","description":"Success",{one}}}"#)), Ok(1));
        assert_eq!(answer(200, &format!(r#"{{"code":"E000510",{one}}}"#)), Ok(1));
        let unknown = |code: &str| Err(Outcome::unknown(code));
        assert_eq!(answer(500, &format!(r#"{{"code":"000000",{one}}}"#)), unknown("unreadable_answer_500"));
        assert_eq!(answer(200, r#"{"code":"000000"}"#), unknown("unreadable_answer_200"));
        assert_eq!(answer(200, r#"{"code":"0000"#), unknown("unreadable_answer_200"));
        assert_eq!(answer(502, "<html>"), unknown("unreadable_answer_502"));
        assert_eq!(answer(400, r#"{"code":"E000000"}"#), unknown("E000000"));
        let throttled = Outcome::rejected(ErrorClass::Throttled, "APIGW.0308");
        assert_eq!(answer(429, r#"{"error_code":"APIGW.0308","error_msg":"m"}"#), Err(throttled));
    }
}
