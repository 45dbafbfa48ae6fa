//! One gateway to a provider of messages or calls: `[[gateways]]`.
//!
//! Only the notifier reads the secrets; they cannot be printed.

mod kind;

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;

pub use kind::GatewayKind;

/// A gateway as it stands in the settings. Empty texts and secrets stand for absent ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Our name for it, unique: in logs, metrics and the receipt URL.
    pub name: String,
    pub kind: GatewayKind,
    /// Where it listens, such as `https://dysmsapi.aliyuncs.com`. For `email`: `smtps://host` (TLS from the start),
    /// `smtp://host` (STARTTLS, or nothing is sent) or, in development, `smtp-plain://host`. For `log`: an absolute path or
    /// `file:` URL that gets a JSON line per message.
    #[serde(default)]
    pub endpoint: String,
    #[serde(default)]
    pub access_key_id: String,
    /// The key that signs our requests; for webhooks a Standard Webhooks secret (`whsec_` and base64).
    #[serde(default)]
    pub access_key_secret: SecretString,
    /// The application at the provider that templates and signatures belong to (Tencent Cloud), or the account that is
    /// charged (Twilio: `AC..`).
    #[serde(default)]
    pub app_id: String,
    /// The provider's region (Tencent Cloud).
    #[serde(default = "region")]
    pub region: String,
    /// Who a message comes from: number or messaging service (Twilio), channel number (Huawei Cloud), mailbox (e-mail).
    #[serde(default)]
    pub sender: String,
    /// The approved SMS signature, without its brackets; of an e-mail the subject.
    #[serde(default)]
    pub sign_name: String,
    /// Our template keys (`login`, `alert_1`, `alert_2`, `alert_3`, `correction`, and `reminder_..` where reminders are wanted) to the provider's template codes.
    /// For `twilio_voice` an address that answers TwiML, for `email` a subject.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// The provider's names of our variables: `variable`, or `template.variable` where one template has another name for it
    /// (WeChat: `thing1`, `time2`).
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Which page of the mini-program a message opens (WeChat); empty: none.
    #[serde(default)]
    pub page: String,
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
    /// Messages or calls that one number may get here in a minute, an hour and 24 hours; absent: what the provider of this
    /// kind allows. 0 = no bound.
    pub per_number_minute: Option<u32>,
    pub per_number_hour: Option<u32>,
    pub per_number_day: Option<u32>,
    /// The number a called person sees (voice).
    #[serde(default)]
    pub called_show_number: String,
    /// The last path segment of the receipt URL, for providers that do not sign their receipts; empty: no receipts. For
    /// Twilio the token that signs them, where that is not `access_key_secret`.
    #[serde(default)]
    pub receipt_secret: SecretString,
    /// Whether the provider keeps receipts for whoever fetches them, which it has to open for an account (Tencent Cloud SMS).
    #[serde(default)]
    pub fetch_receipts: bool,
    /// A PEM file with a certificate that is trusted beside the system's (e-mail).
    #[serde(default)]
    pub ca_file: String,
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

impl GatewaySettings {
    /// Whether it can send the text of this template key.
    pub fn sends(&self, key: &str) -> bool {
        !self.kind.wants_template_codes() || self.templates.get(key).is_some_and(|code| !code.is_empty())
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
