//! One signed request to the gateway, and its signed answer.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Alipay;
use super::errors::Verdict;
use crate::bugs::{self, Bug};
use crate::clock::Clock;
use crate::platform::Failure;
use crate::platform::http::{self, TEXT};

/// Parameters by name. `String` sorts by bytes, as the signature wants it.
pub(super) type Parameters = BTreeMap<&'static str, String>;

/// Asia/Shanghai, in seconds east.
const SHANGHAI: i32 = 8 * 3_600;

impl Alipay {
    /// Makes a call and answers its response object, believed by its signature. The common parameters go in the query and
    /// `own` in the body, as Alipay's own SDK does.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        own: Parameters,
    ) -> Result<T, Failure> {
        let _place = self.pace.enter()?;
        let mut common: Parameters = [
            ("app_id", self.app_id.clone()),
            ("method", method.to_owned()),
            ("format", "JSON".to_owned()),
            ("charset", "utf-8".to_owned()),
            ("sign_type", "RSA2".to_owned()),
            ("timestamp", shanghai_now()),
            ("version", "1.0".to_owned()),
        ]
        .into();
        let text = signed_text(common.iter().chain(&own).map(|(name, value)| (*name, value.as_str())));
        let sign = self.ours.sign(&text).ok_or(Failure::Lost("no_randomness"))?;
        common.insert("sign", sign);
        let request = self.http.post(self.endpoint.clone()).query(&common).form(&own);
        let answer = http::exchange(request, TEXT).await?;
        if answer.status != 200 {
            return Err(Failure::Lost("bad_status"));
        }
        let body = String::from_utf8(answer.body).map_err(|_| Failure::Lost("unreadable_answer"))?;
        self.read(method, &body)
    }

    /// The response object of an answer. A refusal is believed without a signature: whoever could forge one could as well
    /// not answer.
    pub(super) fn read<T: DeserializeOwned>(&self, method: &str, body: &str) -> Result<T, Failure> {
        let lost = |_| Failure::Lost("unreadable_answer");
        let all: Answer<'_> = serde_json::from_str(body).map_err(lost)?;
        let name = format!("{}_response", method.replace('.', "_"));
        let object = all.0.get(name.as_str()).or_else(|| all.0.get("error_response"));
        let object = object.ok_or(Failure::Lost("unreadable_answer"))?;
        let verdict: Verdict = serde_json::from_str(object.get()).map_err(lost)?;
        if !verdict.is_good() || !all.0.contains_key(name.as_str()) {
            return Err(verdict.failure());
        }
        let sign = all.0.get("sign").and_then(|sign| serde_json::from_str::<String>(sign.get()).ok());
        let genuine = sign.is_some_and(|sign| self.theirs.verify(object.get(), &sign));
        if !genuine && !bugs::has(Bug::UnsignedAnswer) {
            let code = "signature of the answer".to_owned();
            return Err(Failure::Settings { setting: "alipay.public_key", code });
        }
        serde_json::from_str(object.get()).map_err(lost)
    }
}

/// The values of an answer by their names, each as it was sent.
#[derive(Deserialize)]
struct Answer<'a>(#[serde(borrow)] HashMap<&'a str, &'a RawValue>);

/// What is signed: `k=v` of all parameters that are not empty, sorted by name, joined by `&`.
pub(super) fn signed_text<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let sorted: BTreeMap<&str, &str> = parameters.filter(|(_, value)| !value.is_empty()).collect();
    sorted.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The machine's own time, as signatures carry it.
fn shanghai_now() -> String {
    let now = DateTime::from_timestamp_millis(Clock::system().now().millis()).unwrap_or_default();
    let zone = FixedOffset::east_opt(SHANGHAI);
    zone.map_or_else(String::new, |zone| now.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string())
}
