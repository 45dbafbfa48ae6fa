//! Calls with and without an access token.

use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Wechat;
use super::errors::{failure, is_about_the_token};
use crate::platform::http::{self, Answer};
use crate::platform::{Failure, http::TEXT};

/// What every answer may hold.
#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    errcode: i64,
}

/// What came of a call: an answer, or WeChat's code, or none.
pub(super) enum Said {
    Answer(Answer),
    Code(i64),
}

impl Wechat {
    /// A call that needs no token, answered by JSON.
    pub(super) async fn plain<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let _place = self.pace.enter()?;
        match said(http::exchange(request, TEXT).await?)? {
            Said::Answer(answer) => json(&answer),
            Said::Code(code) => Err(failure(code)),
        }
    }

    /// A call with the access token. One that WeChat does not take any more is refreshed, and the call made once more.
    pub(super) async fn with_token(&self, path: &str, body: &Value, limit: usize) -> Result<Answer, Failure> {
        let _place = self.pace.enter()?;
        let mut refused = None;
        loop {
            let token = self.token(refused.as_ref()).await?;
            let request = self.post(path, body).query(&[("access_token", token.expose_secret())]);
            match said(http::exchange(request, limit).await?)? {
                Said::Answer(answer) => return Ok(answer),
                Said::Code(code) if is_about_the_token(code) && refused.is_none() => refused = Some(token),
                Said::Code(code) => return Err(failure(code)),
            }
        }
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(self.url(path)).json(body)
    }
}

/// Tells an answer from a code. A picture is an answer; everything else is JSON.
pub(super) fn said(answer: Answer) -> Result<Said, Failure> {
    if answer.status != 200 {
        return Err(Failure::Lost("bad_status"));
    }
    if answer.is_picture() {
        return Ok(Said::Answer(answer));
    }
    match json::<Verdict>(&answer)?.errcode {
        0 => Ok(Said::Answer(answer)),
        code => Ok(Said::Code(code)),
    }
}

pub(super) fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|_| Failure::Lost("unreadable_answer"))
}
