//! The envelope that card platforms speak: `{commonIn, req}` with a signature, `{commonOut, rsp}` with a result code.
//!
//! Signature: the fields of `commonIn` (without `sign`) and of `req` that are not empty, sorted by name, joined as `k=v` with
//! `&`, the secret appended; SHA-256; base64. The client follows no redirect, repeats nothing, and waits for a bounded time.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use mashang_config as config;
use mashang_domain::time::Timestamp;
use mashang_infra::http;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::CardFailure;

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 256 * 1024;

/// How one platform is spoken to.
pub(super) struct Envelope {
    http: Client,
    endpoint: String,
    app_token: SecretString,
    app_secret: SecretString,
    institution: String,
    channel: String,
}

/// What a platform answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    common_out: CommonOut,
    #[serde(default)]
    rsp: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommonOut {
    /// 0 = done; a number or its text.
    result_code: Value,
    request_id: Option<String>,
}

impl CommonOut {
    fn is_done(&self) -> bool {
        self.result_code.as_i64() == Some(0) || self.result_code.as_str() == Some("0")
    }
}

impl Envelope {
    pub(super) fn new(times: &config::Cards, platform: &config::CardPlatform) -> reqwest::Result<Self> {
        let http = http::builder(times.connect_timeout_ms, times.timeout_ms).build()?;
        Ok(Self {
            http,
            endpoint: platform.endpoint.clone(),
            app_token: platform.app_token.clone(),
            app_secret: platform.app_secret.clone(),
            institution: platform.institution.clone(),
            channel: platform.channel.clone(),
        })
    }

    /// Asks at `path`; the `rsp` of the answer.
    ///
    /// # Errors
    /// [`CardFailure::Refused`] for any other result code than 0, [`CardFailure::Away`] for everything else.
    pub(super) async fn ask(
        &self,
        path: &str,
        request: &BTreeMap<&str, &str>,
        now: Timestamp,
    ) -> Result<Value, CardFailure> {
        let request_id = Uuid::new_v4().simple().to_string();
        let timestamp = now.secs().to_string();
        let mut common = BTreeMap::from([
            ("appToken", self.app_token.expose_secret()),
            ("requestId", request_id.as_str()),
            ("hospitalId", self.institution.as_str()),
            ("timestamp", timestamp.as_str()),
            ("channelNum", self.channel.as_str()),
        ]);
        let sign = signature(&common, request, self.app_secret.expose_secret());
        common.insert("sign", &sign);
        let body = json!({ "commonIn": common, "req": request });
        let url = format!("{}{path}", self.endpoint);
        let answer = http::exchange(self.http.post(url).json(&body), ANSWER_MAX).await;
        let answer = answer.ok().filter(|answer| answer.status == 200).ok_or(CardFailure::Away)?;
        let reply: Reply = serde_json::from_slice(&answer.body).map_err(|_| CardFailure::Away)?;
        if reply.common_out.request_id.as_ref().is_some_and(|id| *id != request_id) {
            return Err(CardFailure::Away);
        }
        if reply.common_out.is_done() { Ok(reply.rsp) } else { Err(CardFailure::Refused) }
    }
}

fn signature(common: &BTreeMap<&str, &str>, request: &BTreeMap<&str, &str>, secret: &str) -> String {
    let all: BTreeMap<&str, &str> =
        common.iter().chain(request).map(|(k, v)| (*k, *v)).filter(|(_, v)| !v.is_empty()).collect();
    let pairs: Vec<String> = all.iter().map(|(k, v)| format!("{k}={v}")).collect();
    BASE64.encode(&Sha256::digest(format!("{}{secret}", pairs.join("&"))))
}

/// A text of an answer that is not empty.
pub(super) fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_are_not_signed_and_names_are_in_order() {
        let common = BTreeMap::from([("timestamp", "1"), ("appToken", "t"), ("hospitalId", "")]);
        let request = BTreeMap::from([("healthCode", "c")]);
        let expected = BASE64.encode(&Sha256::digest("appToken=t&healthCode=c&timestamp=1secret"));
        assert_eq!(signature(&common, &request, "secret"), expected);
        // Counted with another tool: printf '%s' 'appToken=t&healthCode=c&timestamp=1secret' | openssl dgst -sha256 -binary | base64
        assert_eq!(expected, "gZr7qIuCrM7UCpNIjHuhEok+HPSrRef42X3moCmpxAg=");
    }
}
