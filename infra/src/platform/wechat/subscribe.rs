//! Subscribe messages: one to one person, once. What became of it is told apart as finely as a gateway needs it.

use std::time::Duration;

use mashang_domain::person::OpenId;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::Wechat;
use super::api::{self, Said, said};
use super::errors::is_about_the_token;
use crate::platform::Failure;
use crate::platform::http::{self, TEXT};

/// What came of a message.
#[derive(Debug)]
pub enum Sent {
    /// WeChat took it, and may have given it an id.
    Taken(Option<String>),
    /// WeChat did not, for this reason.
    Refused(i64),
    /// It was not sent: there was no token, no connection, or no time left.
    NotSent(Failure),
    /// It may be on its way; the word says what became of the answer.
    Lost(&'static str),
}

#[derive(Deserialize)]
struct Reply {
    msgid: Option<Value>,
}

impl Wechat {
    /// Sends one, with everything that takes, until `deadline`. A token that WeChat does not take any more is refreshed, and
    /// the message sent once more: it had not been taken.
    pub async fn send_subscribe(
        &self,
        to: &OpenId,
        template: &str,
        page: &str,
        data: Map<String, Value>,
        deadline: Instant,
    ) -> Sent {
        let state = match self.access.code.version.as_str() {
            "trial" => "trial",
            "develop" => "developer",
            _ => "formal",
        };
        let mut body = json!({
            "touser": to.reveal(), "template_id": template, "miniprogram_state": state, "lang": "zh_CN", "data": data,
        });
        if !page.is_empty() {
            body["page"] = page.into();
        }
        let mut refused = None;
        loop {
            let token = match timeout_at(deadline, self.token(refused.as_ref())).await {
                Ok(Ok(token)) => token,
                Ok(Err(failure)) => return Sent::NotSent(failure),
                Err(_) => return Sent::NotSent(Failure::Lost("timeout")),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if refused.is_some() && left < Duration::from_millis(self.access.timeout_ms / 8) {
                return Sent::NotSent(Failure::Lost("timeout"));
            }
            let request = self.post("/cgi-bin/message/subscribe/send", &body);
            let request = request.query(&[("access_token", token.expose_secret())]).timeout(left);
            let answer = match http::exchange(request, TEXT).await {
                Ok(answer) => answer,
                Err(Failure::Lost(how)) => return Sent::Lost(how),
                Err(failure) => return Sent::NotSent(failure),
            };
            return match said(answer) {
                Ok(Said::Answer(answer)) => Sent::Taken(id_of(&answer)),
                Ok(Said::Code(code)) if is_about_the_token(code) && refused.is_none() => {
                    refused = Some(token);
                    continue;
                }
                Ok(Said::Code(code)) => Sent::Refused(code),
                Err(Failure::Lost(how)) => Sent::Lost(how),
                Err(_) => Sent::Lost("unreadable_answer"),
            };
        }
    }
}

fn id_of(answer: &http::Answer) -> Option<String> {
    match api::json::<Reply>(answer).ok()?.msgid? {
        Value::String(id) => Some(id),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
