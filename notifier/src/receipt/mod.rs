//! Receipts: what a provider reports after it took a message.
//!
//! Parsing is pure. A receipt may come twice, out of order, or for an attempt we do not know: the caller looks the attempt
//! up ([`crate::gateway::ReceiptMatch`]), moves its state forward only, and never makes one from a receipt. Aliyun and
//! Tencent do not sign their receipts; a secret last path segment ([`path_secret_matches`]) stands in for that. Those of webhooks and of
//! Twilio are signed.

mod aliyun;
mod form;
mod format;
mod huawei;
pub mod signature;
mod tencent;
mod twilio;
mod webhook;

use chrono::NaiveDateTime;
use mashang_domain::person::Phone;
use mashang_domain::time::{HOUR, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;

pub use format::{ReceiptFormat, Reply};

/// One provider's word about one message to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The name of the gateway it came to.
    pub gateway: String,
    /// Absent when the provider does not say, or says something that is no number.
    pub phone: Option<Phone>,
    /// The id of the accepted call; with Aliyun SMS shared by all of its numbers.
    pub provider_id: String,
    /// The reference we gave; with Aliyun SMS that of the first recipient of the call.
    pub reference: Option<String>,
    /// The text is on the phone; of a call: somebody answered and listened, if only for a while.
    pub delivered: bool,
    /// The provider's own word for how it ended.
    pub code: String,
    /// When it ended.
    pub at: Option<Timestamp>,
    /// How long an answered call lasted, in seconds; absent for texts.
    pub duration_s: Option<u32>,
}

/// The receipts of one push. Entries that could not be read are counted and left out: one odd entry does not cost the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub receipts: Vec<Receipt>,
    pub unreadable: usize,
}

/// The body is not what this kind of gateway sends; to be answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt of this kind of gateway")]
pub struct NotAReceipt;

/// Whether the last path segment is the gateway's receipt secret. Compares in constant time; an empty secret never matches.
pub fn path_secret_matches(secret: &SecretString, given: &str) -> bool {
    let secret = secret.expose_secret();
    !secret.is_empty() && bool::from(secret.as_bytes().ct_eq(given.as_bytes()))
}

/// A number as providers write it: national for the mainland, country code and number for others, with or without a plus.
fn phone(text: &str) -> Option<Phone> {
    Phone::parse(text).or_else(|_| Phone::parse(&format!("+{text}"))).ok()
}

/// Reads each entry of a list by itself.
fn each<T: serde::de::DeserializeOwned>(
    entries: Vec<Value>,
    receipt: impl Fn(T) -> Option<Receipt>,
) -> Report {
    let mut report = Report::default();
    for entry in entries {
        match serde_json::from_value(entry).ok().and_then(&receipt) {
            Some(receipt) => report.receipts.push(receipt),
            None => report.unreadable += 1,
        }
    }
    report
}

/// The page shows strings where others would write numbers; both are taken.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// `2026-11-23 16:00:03` in Beijing, which has no daylight saving time.
pub(crate) fn beijing_time(text: &str) -> Option<Timestamp> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(Timestamp(local.and_utc().timestamp_millis()) - 8 * HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_secret_is_compared_whole() {
        let secret = SecretString::from("s3cret");
        for (given, fits) in [("s3cret", true), ("s3cre", false), ("s3crets", false), ("", false)] {
            assert_eq!(path_secret_matches(&secret, given), fits, "{given}");
        }
        assert!(!path_secret_matches(&SecretString::from(""), ""));
    }

    #[test]
    fn replies_are_json_with_a_numeric_code_for_aliyun() {
        for format in [ReceiptFormat::AliyunSms, ReceiptFormat::AliyunVoice] {
            for reply in [Some(format.reply()), format.probe_reply()] {
                let body: serde_json::Value =
                    serde_json::from_str(reply.expect("a reply").body).expect("a JSON reply");
                assert_eq!(body["code"], 0);
            }
        }
        assert_eq!(ReceiptFormat::Webhook.probe_reply(), None);
    }

    #[test]
    fn numbers_come_in_three_spellings() {
        for text in ["13800138000", "8613800138000", "+8613800138000"] {
            assert_eq!(
                phone(text).map(|p| p.reveal().to_owned()).as_deref(),
                Some("+8613800138000"),
                "{text}"
            );
        }
        assert_eq!(phone("85251234567").map(|p| p.reveal().to_owned()).as_deref(), Some("+85251234567"));
        assert_eq!(phone("138****8000"), None);
    }
}
