//! Sections about the mini-program platforms. A platform without an `app_id` is not used.

use secrecy::SecretString;
use serde::Deserialize;

/// WeChat's server API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wechat {
    pub app_id: String,
    pub app_secret: SecretString,
    pub endpoint: String,
    pub push_token: SecretString,
    pub ownership_name: String,
    pub ownership_text: String,
    pub page: String,
    pub version: MiniProgramVersion,
    pub code_width: u32,
    pub codes_per_minute: u32,
    pub connect_timeout_ms: u64,
    pub timeout_ms: u64,
}

/// Which version of the mini-program a picture opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MiniProgramVersion {
    Release,
    Trial,
    Develop,
}

impl MiniProgramVersion {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Trial => "trial",
            Self::Develop => "develop",
        }
    }
}

/// Alipay's gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alipay {
    pub app_id: String,
    pub private_key: SecretString,
    pub public_key: String,
    pub aes_key: SecretString,
    pub endpoint: String,
    pub page: String,
    pub picture_hosts: Vec<String>,
    pub codes_per_minute: u32,
    pub connect_timeout_ms: u64,
    pub timeout_ms: u64,
}
