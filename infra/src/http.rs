//! One HTTP exchange with somebody outside, and the line between "never left us" and "may have arrived".
//!
//! Bounded in time and size. The client follows no redirect and repeats nothing by itself: what goes out twice may be done
//! twice. Errors of the library hold the address, and some addresses hold a secret: none of them leaves this file.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url, redirect, retry};

/// Idle connections are closed early, so that a request seldom meets one the other side has just given up.
const IDLE: Duration = Duration::from_secs(15);

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The request was not written: nothing was done.
    NotSent,
    /// The request may have arrived, the answer did not; the word says how.
    Lost(&'static str),
}

/// An answer that came whole.
pub struct Received {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A client with these time-outs, in milliseconds, about to be built.
pub fn builder(connect_ms: u64, whole_ms: u64) -> ClientBuilder {
    crate::tls::install();
    Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(Duration::from_millis(connect_ms))
        .timeout(Duration::from_millis(whole_ms))
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("mashang/", env!("CARGO_PKG_VERSION")))
}

/// An `http` or `https` address without user name, query and fragment.
pub fn plain_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}

/// Sends one request and reads its answer, of at most `limit` bytes.
///
/// # Errors
/// [`Unanswered::NotSent`] only where it is certain that nothing was sent.
pub async fn exchange(request: RequestBuilder, limit: usize) -> Result<Received, Unanswered> {
    let response = request.send().await.map_err(|error| match error {
        e if e.is_connect() || e.is_builder() => Unanswered::NotSent,
        e if e.is_timeout() => Unanswered::Lost("timeout"),
        _ => Unanswered::Lost("connection_lost"),
    })?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = read(response, limit).await.map_err(Unanswered::Lost)?;
    Ok(Received { status, headers, body })
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err("answer_too_long"),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err("timeout"),
            Err(_) => return Err("half_answer"),
        }
    }
}
