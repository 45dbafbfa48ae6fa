//! One `[[gateways]]` table: a provider of text messages or calls, its keys and its limits.
//!
//! Only the notifier reads the secrets; they cannot be printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

/// A gateway as it stands in the settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Our name for it: in logs, metrics and the receipt URL. Lower-case letters, digits and hyphens, 1 to 32; unique.
    pub name: String,
    pub kind: GatewayKind,
    /// Where it listens: an `http(s)` URL. Absent: the provider's public host. For `log`: a file path or `file:` URL that
    /// gets a JSON line per message.
    pub endpoint: Option<String>,
    #[serde(default)]
    pub access_key_id: String,
    /// The key that signs our requests; for webhooks a Standard Webhooks secret (`whsec_` and base64).
    #[serde(default)]
    pub access_key_secret: SecretString,
    /// The approved SMS signature, without its brackets.
    #[serde(default)]
    pub sign_name: String,
    /// Our template keys (`login`, `alert_1`, `alert_2`, `alert_3`, `correction`) to the provider's template codes.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// Its share among healthy gateways of the same channel, 1 to 1,000.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Calls a second, not messages; absent: a careful default of the kind.
    pub rate_per_second: Option<u32>,
    /// Recipients in one call; 1 turns batches off; absent: a careful default of the kind.
    pub max_batch: Option<usize>,
    /// The whole exchange, in milliseconds. After it the outcome is unknown.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// Reaching the provider, in milliseconds. After it nothing was sent.
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// The number a called person sees (voice).
    pub called_show_number: Option<String>,
    /// The last path segment of the receipt URL, for providers that do not sign their receipts. Absent: no receipts.
    pub receipt_secret: Option<SecretString>,
}

const fn default_weight() -> u32 {
    1
}

const fn default_timeout_ms() -> u64 {
    4_000
}

const fn default_connect_timeout_ms() -> u64 {
    1_500
}

/// What speaks at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
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

/// What is wrong with a `[[gateways]]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayProblem {
    #[error("gateway `{0}`: a name is 1 to 32 lower-case letters, digits and hyphens")]
    Name(String),
    #[error("gateway `{0}`: the name is used twice")]
    NameTwice(String),
    #[error("gateway `{0}`: {1} must lie between {2} and {3}")]
    Range(String, &'static str, u64, u64),
    #[error("gateway `{0}`: a log gateway is for development; production refuses it")]
    LogInProduction(String),
    #[error("gateway `{0}`: production wants an https endpoint (or one on this host)")]
    PlainInProduction(String),
}

/// Checks all tables together.
pub fn validate(gateways: &[GatewaySettings], production: bool) -> Result<(), GatewayProblem> {
    let mut names = BTreeSet::new();
    for gateway in gateways {
        gateway.validate(production)?;
        if !names.insert(gateway.name.as_str()) {
            return Err(GatewayProblem::NameTwice(gateway.name.clone()));
        }
    }
    Ok(())
}

impl GatewaySettings {
    /// Checks one table by itself: name, ranges, and what production refuses.
    pub fn validate(&self, production: bool) -> Result<(), GatewayProblem> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&self.name.len()) || !self.name.bytes().all(good) {
            return Err(GatewayProblem::Name(self.name.clone()));
        }
        self.in_range("weight", self.weight.into(), 1, 1_000)?;
        self.in_range("rate_per_second", self.rate_per_second.unwrap_or(1).into(), 1, 100_000)?;
        self.in_range("max_batch", self.max_batch.unwrap_or(1) as u64, 1, 1_000)?;
        self.in_range("timeout_ms", self.timeout_ms, 100, 60_000)?;
        self.in_range("connect_timeout_ms", self.connect_timeout_ms, 50, 60_000)?;
        if production && self.kind == GatewayKind::Log {
            return Err(GatewayProblem::LogInProduction(self.name.clone()));
        }
        if production && self.endpoint.as_deref().is_some_and(|e| e.starts_with("http://") && !is_loopback(e))
        {
            return Err(GatewayProblem::PlainInProduction(self.name.clone()));
        }
        Ok(())
    }

    fn in_range(&self, key: &'static str, value: u64, low: u64, high: u64) -> Result<(), GatewayProblem> {
        let inside = (low..=high).contains(&value);
        inside.then_some(()).ok_or_else(|| GatewayProblem::Range(self.name.clone(), key, low, high))
    }
}

/// Whether a plain-HTTP URL names this host. A user name in front of the host does not count as one.
fn is_loopback(url: &str) -> bool {
    let authority = url["http://".len()..].split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    !authority.contains('@')
        && (host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> GatewaySettings {
        toml::from_str(text).expect("parses")
    }

    #[test]
    fn a_short_table_gets_the_defaults() {
        let gateway = parsed("name = \"aliyun\"\nkind = \"aliyun_sms\"\naccess_key_secret = \"hush\"");
        assert_eq!((gateway.weight, gateway.timeout_ms, gateway.connect_timeout_ms), (1, 4_000, 1_500));
        assert_eq!(gateway.validate(true), Ok(()));
        assert!(!format!("{gateway:?}").contains("hush"));
    }

    #[test]
    fn unknown_keys_and_kinds_are_refused() {
        for text in ["name = \"a\"\nkind = \"log\"\ncolour = 1", "name = \"a\"\nkind = \"pigeon\""] {
            assert!(toml::from_str::<GatewaySettings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn production_refuses_log_and_plain_http() {
        let log = parsed("name = \"a\"\nkind = \"log\"");
        assert_eq!(log.validate(false), Ok(()));
        assert_eq!(log.validate(true), Err(GatewayProblem::LogInProduction("a".into())));
        for (endpoint, fine) in [
            ("http://127.0.0.1:9400", true),
            ("http://[::1]:9400/x", true),
            ("https://sms.example.org", true),
            ("http://sms.example.org", false),
            ("http://localhost@sms.example.org", false),
            ("http://127.0.0.1.example.org", false),
        ] {
            let gateway = parsed(&format!("name = \"a\"\nkind = \"webhook_sms\"\nendpoint = \"{endpoint}\""));
            assert_eq!(gateway.validate(true).is_ok(), fine, "{endpoint}");
        }
    }

    #[test]
    fn names_are_unique_and_numbers_lie_in_their_ranges() {
        let gateway = parsed("name = \"a\"\nkind = \"log\"");
        let twice = [gateway.clone(), gateway.clone()];
        assert_eq!(validate(&twice, false), Err(GatewayProblem::NameTwice("a".into())));
        let zero = GatewaySettings { max_batch: Some(0), ..gateway.clone() };
        assert_eq!(zero.validate(false), Err(GatewayProblem::Range("a".into(), "max_batch", 1, 1_000)));
        assert!(GatewaySettings { name: "Ä".into(), ..gateway }.validate(false).is_err());
    }
}
