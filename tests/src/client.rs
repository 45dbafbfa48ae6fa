//! Speaks HTTP to the api as one somebody: with or without a token.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// One caller.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    asked: String,
}

impl Client {
    pub fn new(base: &str) -> Self {
        mashang_notifier::gateway::http::install_tls();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(std::time::Duration::from_secs(120)).build().unwrap_or_default();
        Self { http, base: base.to_owned(), headers: HeaderMap::new() }
    }

    /// The same caller with one more header.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut other = self.clone();
        if let Ok(value) = HeaderValue::from_str(value) {
            other.headers.insert(HeaderName::from_static(name), value);
        }
        other
    }

    pub fn with_token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let raw = body.map(|b| ("application/json", b.to_string().into_bytes()));
        self.send_raw(method, path, raw).await
    }

    /// Any body of any content type. A path outside of `/api/v1` is given in full.
    pub async fn send_raw(&self, method: Method, path: &str, body: Option<(&str, Vec<u8>)>) -> Reply {
        self.try_send_raw(method, path, body).await.unwrap_or_else(|e| panic!("{path}: {e:#}"))
    }

    /// As [`Client::send_raw`] where the server may be dead.
    pub async fn try_send_raw(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Reply, reqwest::Error> {
        let outside = ["/api/", "/v/", "/.well-known/", "/healthz", "/readyz", "/metrics", "/no/"]
            .iter()
            .any(|p| path.starts_with(p));
        let url = format!("{}{}{path}", self.base, if outside { "" } else { "/api/v1" });
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method, url).headers(self.headers.clone());
        if let Some((kind, bytes)) = body {
            request = request.header("content-type", kind).body(bytes);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Reply { status, headers, body: answer.bytes().await?.to_vec(), asked })
    }
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The body of an answer with this status; anything else fails the test and shows what came.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self.json()
    }

    /// The problem with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let body = self.json();
        let seen = (self.status, body["code"].as_str().unwrap_or_default());
        assert_eq!(seen, (status, code), "{}: {}", self.asked, self.text());
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.asked);
        assert_eq!(body["status"], status, "{}", self.asked);
        body
    }
}
