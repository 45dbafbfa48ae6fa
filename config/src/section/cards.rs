//! Platforms of other cards that people link with their health code.

use secrecy::SecretString;
use serde::Deserialize;

/// All of them, and how long each is waited for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cards {
    pub connect_timeout_ms: u64,
    pub timeout_ms: u64,
    pub e_health: CardPlatform,
    pub social_security: CardPlatform,
}

/// One platform. An empty endpoint means that there is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardPlatform {
    pub endpoint: String,
    pub app_token: SecretString,
    pub app_secret: SecretString,
    pub institution: String,
    pub channel: String,
}

impl CardPlatform {
    pub fn is_on(&self) -> bool {
        !self.endpoint.is_empty()
    }
}
