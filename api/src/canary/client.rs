//! Speaks HTTP to this very process, as everybody does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::Value;

/// What one request may take.
const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// `address` is where the listener is bound; one that is bound to every address is reached over the loopback.
    pub(super) fn new(address: SocketAddr) -> Self {
        mashang_notifier::gateway::http::install_tls();
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap_or_default();
        Self { http, base: format!("http://{}/api/v1", SocketAddr::new(ip, address.port())), token: None }
    }

    pub(super) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(reqwest::Error::without_url).context("no answer")?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(reqwest::Error::without_url).context("no answer")?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if !status.is_success() {
            // The code is a word of ours; details may hold more.
            bail!("answered {} {}", status.as_u16(), body["code"].as_str().unwrap_or("without a code"));
        }
        Ok(body)
    }
}

/// A text of an answer.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    value[field].as_str().with_context(|| format!("the answer has no {field}"))
}
