//! Exchanges with a provider, over [`mashang_infra::http`]: what their end means for the people in a call.
//!
//! A failure before the request was written is certain to have sent nothing; every later one is [`Exchange::Lost`].

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::{ErrorClass, Outcome};
use mashang_infra::http::{self, Received, Unanswered};
pub use mashang_infra::tls::install as install_tls;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Url};
use serde::de::DeserializeOwned;

/// The longest answer that is read, in bytes; no provider comes near it.
const MAX_ANSWER: usize = 256 * 1024;

/// How an exchange ended.
#[derive(Debug)]
pub enum Exchange {
    /// The request was not written: nobody got anything.
    NotSent,
    /// The request may have arrived, the answer did not; the word says how.
    Lost(&'static str),
    Answered(Answer),
}

impl Exchange {
    /// The answer; where there is none, what that means for everybody in the call.
    pub fn answered(self) -> Result<Answer, Outcome> {
        match self {
            Exchange::NotSent => Err(Outcome::rejected(ErrorClass::Retry, "not_sent")),
            Exchange::Lost(how) => Err(Outcome::unknown(how)),
            Exchange::Answered(answer) => Ok(answer),
        }
    }

    /// What came of a call for everybody in it, of an answer whose body can be read.
    pub fn outcome<T: DeserializeOwned>(self, of: impl FnOnce(&Answer, T) -> Outcome) -> Outcome {
        let read = || -> Result<Outcome, Outcome> {
            let answer = self.answered()?;
            let reply = answer.json()?;
            Ok(of(&answer, reply))
        };
        read().unwrap_or_else(|outcome| outcome)
    }
}

/// A whole answer. Its body is not printed: provider texts may name people.
pub struct Answer {
    pub status: u16,
    /// The delay the provider asks for, in milliseconds.
    pub retry_after_ms: Option<i64>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, whatever the status: providers say in it what came of the call.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Outcome> {
        serde_json::from_slice(&self.body).map_err(|_| self.unreadable())
    }

    /// What is said by an answer that nobody understands: nothing.
    pub fn unreadable(&self) -> Outcome {
        Outcome::unknown(format!("unreadable_answer_{}", self.status))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish()
    }
}

/// A client with the time-outs of one gateway.
pub fn client(settings: &GatewaySettings) -> reqwest::Result<Client> {
    http::builder(settings.connect_timeout_ms, settings.timeout_ms).build()
}

/// Sends one request and reads the whole answer.
pub async fn exchange(request: RequestBuilder) -> Exchange {
    match http::exchange(request, MAX_ANSWER).await {
        Ok(Received { status, headers, body }) => {
            Exchange::Answered(Answer { status, retry_after_ms: retry_after(&headers), body })
        }
        Err(Unanswered::NotSent) => Exchange::NotSent,
        Err(Unanswered::Lost(how)) => Exchange::Lost(how),
    }
}

/// `x-acs-retry-after` counts milliseconds, `Retry-After` seconds. A date in the latter is ignored.
fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let number = |value: &reqwest::header::HeaderValue| value.to_str().ok()?.trim().parse::<u32>().ok();
    let millis = headers.get("x-acs-retry-after").and_then(number).map(i64::from);
    millis.or_else(|| headers.get(RETRY_AFTER).and_then(number).map(|seconds| i64::from(seconds) * 1_000))
}

/// An endpoint and the `Host` that will be sent for it: signatures cover the latter.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub url: Url,
    pub host: String,
}

impl Endpoint {
    /// An `http` or `https` URL without user name, query and fragment.
    pub fn parse(text: &str) -> Option<Self> {
        let url = http::plain_address(text)?;
        let host = match (url.host_str()?, url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        Some(Self { url, host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_one_that_is_sent() {
        for (url, host) in [
            ("https://dysmsapi.aliyuncs.com", "dysmsapi.aliyuncs.com"),
            ("https://dysmsapi.aliyuncs.com:443/", "dysmsapi.aliyuncs.com"),
            ("http://127.0.0.1:9400", "127.0.0.1:9400"),
            ("http://[::1]:9400/", "[::1]:9400"),
        ] {
            assert_eq!(Endpoint::parse(url).map(|e| e.host).as_deref(), Some(host), "{url}");
        }
        for url in ["", "ftp://a", "http://u:p@a/", "http://a/?q=1", "http://a/#f", "aliyuncs.com"] {
            assert!(Endpoint::parse(url).is_none(), "{url}");
        }
    }

    #[test]
    fn delays_come_in_milliseconds() {
        for (name, value, expected) in [
            ("retry-after", "2", Some(2_000)),
            ("x-acs-retry-after", "200", Some(200)),
            ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header value"));
            assert_eq!(retry_after(&headers), expected, "{name}: {value}");
        }
    }
}
