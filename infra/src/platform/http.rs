//! Exchanges with a platform, over [`crate::http`]: what its answers are read for.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, RequestBuilder, Url};

pub(super) use crate::http::builder;
use crate::http::{self, Received, Unanswered};

use super::{Failure, PlatformError};

/// The longest answer that is no picture.
pub(super) const TEXT: usize = 64 * 1024;
/// The longest picture.
pub(super) const PICTURE: usize = 2 * 1024 * 1024;

pub(super) fn client(connect_ms: u64, whole_ms: u64) -> Result<Client, PlatformError> {
    builder(connect_ms, whole_ms).build().map_err(|_| PlatformError::Http)
}

/// The address in a setting.
pub(super) fn address(text: &str, setting: &'static str) -> Result<Url, PlatformError> {
    let wrong = PlatformError::Setting { setting, reason: "is no address (http or https, without a query)" };
    http::plain_address(text).ok_or(wrong)
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
    let Received { status, headers, body } =
        http::exchange(request, limit).await.map_err(|unanswered| match unanswered {
            Unanswered::NotSent => Failure::NotSent,
            Unanswered::Lost(how) => Failure::Lost(how),
        })?;
    Ok(Answer { status, content_type: content_type(&headers), body })
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
