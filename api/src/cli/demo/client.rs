//! A small HTTP client for the demo: JSON in, JSON out, the problem's text as the error.

use anyhow::{Context, bail};
use reqwest::{Method, Response};
use serde_json::Value;

#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    pub(super) fn new(base: String) -> Self {
        mashang_notifier::gateway::http::install_tls();
        Self { http: reqwest::Client::new(), base, token: None }
    }

    pub(super) fn signed_in(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        json(self.send(Method::GET, path, None).await?, path).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        json(self.send(Method::POST, path, Some(("application/json", body.to_string()))).await?, path).await
    }

    pub(super) async fn post_csv(&self, path: &str, csv: String) -> anyhow::Result<Value> {
        json(self.send(Method::POST, path, Some(("text/csv", csv))).await?, path).await
    }

    /// The bytes of a file, or `None` when the server lacks what it needs to draw it (503).
    pub(super) async fn file(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
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
        request.send().await.with_context(|| path.to_owned())
    }
}

async fn json(response: Response, path: &str) -> anyhow::Result<Value> {
    let status = response.status();
    let text = response.text().await?;
    let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if !status.is_success() {
        bail!(
            "{path}: {status} {} {}",
            value["code"].as_str().unwrap_or(""),
            value["detail"].as_str().unwrap_or("")
        );
    }
    Ok(value)
}

/// A string out of an answer.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key].as_str().with_context(|| format!("the answer lacks `{key}`"))
}
