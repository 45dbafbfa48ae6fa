//! One exchange with a platform: bounded in time and size, without redirects and repeats.
//!
//! Errors of the HTTP client hold the address, and addresses of WeChat hold a secret: none of them leaves this file.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url, redirect, retry};

use super::{Failure, PlatformError};

/// Idle connections are closed early, so that a request seldom meets one the platform has just given up.
const IDLE: Duration = Duration::from_secs(15);
/// The longest answer that is no picture.
pub(super) const TEXT: usize = 64 * 1024;
/// The longest picture.
pub(super) const PICTURE: usize = 2 * 1024 * 1024;

/// A client with these time-outs, in milliseconds, about to be built.
pub(super) fn builder(connect_ms: u64, whole_ms: u64) -> ClientBuilder {
    crate::tls::install();
    Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(Duration::from_millis(connect_ms))
        .timeout(Duration::from_millis(whole_ms))
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("mashang/", env!("CARGO_PKG_VERSION")))
}

pub(super) fn client(connect_ms: u64, whole_ms: u64) -> Result<Client, PlatformError> {
    builder(connect_ms, whole_ms).build().map_err(|_| PlatformError::Http)
}

/// An `http` or `https` address without user name, query and fragment.
pub(super) fn address(text: &str, setting: &'static str) -> Result<Url, PlatformError> {
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let wrong = PlatformError::Setting { setting, reason: "is no address (http or https, without a query)" };
    Url::parse(text).ok().filter(plain).ok_or(wrong)
}

/// An answer that came whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_picture(&self) -> bool {
        self.content_type.starts_with("image/")
    }
}

/// Sends one request and reads at most `limit` bytes of its answer.
pub(super) async fn exchange(request: RequestBuilder, limit: usize) -> Result<Answer, Failure> {
    let response = request.send().await.map_err(|error| match error {
        e if e.is_connect() || e.is_builder() => Failure::NotSent,
        e if e.is_timeout() => Failure::Lost("timeout"),
        _ => Failure::Lost("connection_lost"),
    })?;
    let (status, content_type) = (response.status().as_u16(), content_type(response.headers()));
    let body = read(response, limit).await?;
    Ok(Answer { status, content_type, body })
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                return Err(Failure::Lost("answer_too_long"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(Failure::Lost("timeout")),
            Err(_) => return Err(Failure::Lost("half_answer")),
        }
    }
}
