//! Speaks HTTP to an api as everybody does: the demo to its own, the self-test to this very process.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, Response};
use serde_json::Value;

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    details: bool,
}

impl Client {
    /// `address` is `host:port`. `timeout` bounds each request, where there is one.
    pub(crate) fn new(address: &str, timeout: Option<Duration>) -> anyhow::Result<Self> {
        mashang_notifier::gateway::http::install_tls();
        let builder = reqwest::Client::builder().no_proxy();
        let builder = timeout.into_iter().fold(builder, reqwest::ClientBuilder::timeout);
        let base = format!("http://{address}/api/v1");
        Ok(Self { http: builder.build()?, base, token: None, details: false })
    }

    /// Errors say what the problem's detail says, beside its code. For a terminal, not for a log.
    pub(crate) fn with_details(self) -> Self {
        Self { details: true, ..self }
    }

    pub(crate) fn signed_in(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.json(self.send(Method::GET, path, None).await?, path).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let body = Some(("application/json", body.to_string()));
        self.json(self.send(Method::POST, path, body).await?, path).await
    }

    pub(crate) async fn post_csv(&self, path: &str, csv: String) -> anyhow::Result<Value> {
        self.json(self.send(Method::POST, path, Some(("text/csv", csv))).await?, path).await
    }

    /// The bytes of a file, or `None` when the server lacks what it needs to draw it (503).
    pub(crate) async fn file(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let response = self.send(Method::GET, path, None).await?;
        if response.status().as_u16() == 503 {
            return Ok(None);
        }
        Ok(Some(response.error_for_status()?.bytes().await?.to_vec()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
    ) -> anyhow::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        answer.with_context(|| format!("{path}: no answer"))
    }

    async fn json(&self, response: Response, path: &str) -> anyhow::Result<Value> {
        let status = response.status();
        let bytes = response.bytes().await.map_err(reqwest::Error::without_url);
        let bytes = bytes.with_context(|| format!("{path}: no answer"))?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if !status.is_success() {
            let code = value["code"].as_str().unwrap_or("without a code");
            match value["detail"].as_str().filter(|_| self.details) {
                Some(detail) => bail!("{path}: {} {code}: {detail}", status.as_u16()),
                None => bail!("{path}: {} {code}", status.as_u16()),
            }
        }
        Ok(value)
    }
}

/// A text of an answer.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    value[field].as_str().with_context(|| format!("the answer lacks `{field}`"))
}
