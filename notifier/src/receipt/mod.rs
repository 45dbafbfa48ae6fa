//! Receipts: what a provider reports after it took a message.
//!
//! Parsing is pure. A receipt may come twice, out of order, or for an attempt we do not know: the caller looks the attempt
//! up ([`crate::gateway::ReceiptMatch`]), moves its state forward only, and never makes one from a receipt. Aliyun and
//! Tencent do not sign their receipts; a secret last path segment ([`path_secret_matches`]) stands in for that. Webhook receipts are signed.

mod aliyun;
mod tencent;
mod webhook;

use chrono::NaiveDateTime;
use mashang_config::gateway::GatewayKind;
use mashang_domain::person::Phone;
use mashang_domain::time::{HOUR, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;

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

/// Who writes the receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptFormat {
    /// SmsReport, help.aliyun.com/document_detail/101867.htm
    AliyunSms,
    /// VoiceReport, help.aliyun.com/zh/vms/voicereport-6
    AliyunVoice,
    /// SMS status callback, cloud.tencent.com/document/api/382/59178
    TencentSms,
    /// Voice status callback, cloud.tencent.com/document/product/1128/51534
    TencentVoice,
    /// `{"id", "to"?, "status": "delivered"|.., "ref"?, "code"?, "at"?}` or a list of them, signed by Standard Webhooks.
    Webhook,
}

/// What the provider wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// JSON.
    pub body: &'static str,
}

impl ReceiptFormat {
    /// `None` for kinds that send no receipts or are not part of this release.
    pub const fn of(kind: GatewayKind) -> Option<Self> {
        match kind {
            GatewayKind::AliyunSms => Some(Self::AliyunSms),
            GatewayKind::AliyunVoice => Some(Self::AliyunVoice),
            GatewayKind::WebhookSms | GatewayKind::WebhookVoice => Some(Self::Webhook),
            GatewayKind::TencentSms => Some(Self::TencentSms),
            GatewayKind::TencentVoice => Some(Self::TencentVoice),
            GatewayKind::TwilioSms
            | GatewayKind::TwilioVoice
            | GatewayKind::HuaweiSms
            | GatewayKind::Email
            | GatewayKind::Log => None,
        }
    }

    /// Whether the push carries a signature that must be verified. The others must come with the path secret.
    pub const fn signed(self) -> bool {
        matches!(self, Self::Webhook)
    }

    /// Reads the body of a push to `gateway`.
    pub fn parse(self, gateway: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
        match self {
            Self::AliyunSms => aliyun::sms_report(gateway, body),
            Self::AliyunVoice => aliyun::voice_report(gateway, body),
            Self::TencentSms => tencent::sms_report(gateway, body),
            Self::TencentVoice => tencent::voice_report(gateway, body),
            Self::Webhook => webhook::report(gateway, body),
        }
    }

    /// The answer to a push that was read. Anything else makes the provider push again.
    pub const fn reply(self) -> Reply {
        match self {
            Self::AliyunSms | Self::AliyunVoice => {
                Reply { status: 200, body: r#"{"code":0,"msg":"接收成功"}"# }
            }
            Self::TencentSms | Self::TencentVoice => {
                Reply { status: 200, body: r#"{"result":0,"errmsg":"OK"}"# }
            }
            Self::Webhook => Reply { status: 200, body: r#"{"status":"ok"}"# },
        }
    }

    /// The answer to the GET with which Aliyun tries the URL out; it wants it within 700 ms. `None`: there is no probe.
    pub const fn probe_reply(self) -> Option<Reply> {
        match self {
            Self::AliyunSms | Self::AliyunVoice => Some(self.reply()),
            Self::TencentSms | Self::TencentVoice | Self::Webhook => None,
        }
    }
}

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
fn beijing_time(text: &str) -> Option<Timestamp> {
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
