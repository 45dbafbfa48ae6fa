//! One gateway to a provider of messages or calls: `[[gateways]]`.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;

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

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    pub name: String,
    pub kind: GatewayKind,
    #[serde(default)]
    pub endpoint: String,
    #[serde(default)]
    pub access_key_id: String,
    #[serde(default)]
    pub access_key_secret: SecretString,
    #[serde(default)]
    pub sign_name: String,
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    #[serde(default = "one")]
    pub weight: u32,
    #[serde(default = "hundred")]
    pub rate_per_second: u32,
    #[serde(default = "one_usize")]
    pub max_batch: usize,
    #[serde(default = "timeout")]
    pub timeout_ms: u64,
    #[serde(default = "connect_timeout")]
    pub connect_timeout_ms: u64,
    #[serde(default)]
    pub called_show_number: String,
    #[serde(default)]
    pub receipt_secret: SecretString,
}

fn one() -> u32 {
    1
}
fn hundred() -> u32 {
    100
}
fn one_usize() -> usize {
    1
}
fn timeout() -> u64 {
    4000
}
fn connect_timeout() -> u64 {
    1500
}
