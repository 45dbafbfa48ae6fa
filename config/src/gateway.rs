//! One gateway to a provider of messages or calls: `[[gateways]]`.
//!
//! Only the notifier reads the secrets; they cannot be printed.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

/// What speaks at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    AliyunSms,
    AliyunVoice,
    TencentSms,
    TencentVoice,
    TwilioSms,
    TwilioVoice,
    HuaweiSms,
    WebhookSms,
    WebhookVoice,
    Email,
    Log,
}

/// A gateway as it stands in the settings. Empty texts and secrets stand for absent ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Our name for it, unique: in logs, metrics and the receipt URL.
    pub name: String,
    pub kind: GatewayKind,
    /// Where it listens, such as `https://dysmsapi.aliyuncs.com`. For `log`: an absolute path or `file:` URL that gets a
    /// JSON line per message.
    #[serde(default)]
    pub endpoint: String,
    #[serde(default)]
    pub access_key_id: String,
    /// The key that signs our requests; for webhooks a Standard Webhooks secret (`whsec_` and base64).
    #[serde(default)]
    pub access_key_secret: SecretString,
    /// The application at the provider that templates and signatures belong to (Tencent Cloud).
    #[serde(default)]
    pub app_id: String,
    /// The provider's region (Tencent Cloud).
    #[serde(default = "region")]
    pub region: String,
    /// The approved SMS signature, without its brackets.
    #[serde(default)]
    pub sign_name: String,
    /// Our template keys (`login`, `alert_1`, `alert_2`, `alert_3`, `correction`) to the provider's template codes.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// Its share among the healthy gateways of its channel.
    #[serde(default = "one")]
    pub weight: u32,
    /// Calls a second, not messages.
    #[serde(default = "hundred")]
    pub rate_per_second: u32,
    /// Recipients in one call where the provider takes several; 1 turns batches off.
    #[serde(default = "hundred_usize")]
    pub max_batch: usize,
    /// The whole exchange, in milliseconds. After it the outcome is unknown.
    #[serde(default = "timeout")]
    pub timeout_ms: u64,
    /// Reaching the provider, in milliseconds. After it nothing was sent.
    #[serde(default = "connect_timeout")]
    pub connect_timeout_ms: u64,
    /// The number a called person sees (voice).
    #[serde(default)]
    pub called_show_number: String,
    /// The last path segment of the receipt URL, for providers that do not sign their receipts. Empty: no receipts.
    #[serde(default)]
    pub receipt_secret: SecretString,
}

fn one() -> u32 {
    1
}
fn hundred() -> u32 {
    100
}
fn hundred_usize() -> usize {
    100
}
fn timeout() -> u64 {
    4000
}
fn connect_timeout() -> u64 {
    1500
}
fn region() -> String {
    "ap-guangzhou".to_owned()
}

impl GatewayKind {
    /// The word of the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AliyunSms => "aliyun_sms",
            Self::AliyunVoice => "aliyun_voice",
            Self::TencentSms => "tencent_sms",
            Self::TencentVoice => "tencent_voice",
            Self::TwilioSms => "twilio_sms",
            Self::TwilioVoice => "twilio_voice",
            Self::HuaweiSms => "huawei_sms",
            Self::WebhookSms => "webhook_sms",
            Self::WebhookVoice => "webhook_voice",
            Self::Email => "email",
            Self::Log => "log",
        }
    }
}

impl fmt::Display for GatewayKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_table_gets_the_defaults() {
        let text = "name = \"aliyun\"\nkind = \"aliyun_sms\"\naccess_key_secret = \"hush\"";
        let gateway: GatewaySettings = toml::from_str(text).expect("parses");
        assert_eq!((gateway.weight, gateway.rate_per_second, gateway.max_batch), (1, 100, 100));
        assert_eq!((gateway.timeout_ms, gateway.connect_timeout_ms), (4_000, 1_500));
        assert!(!format!("{gateway:?}").contains("hush"));
    }

    #[test]
    fn unknown_keys_and_kinds_are_refused() {
        for text in ["name = \"a\"\nkind = \"log\"\ncolour = 1", "name = \"a\"\nkind = \"pigeon\""] {
            assert!(toml::from_str::<GatewaySettings>(text).is_err(), "{text}");
        }
    }
}
