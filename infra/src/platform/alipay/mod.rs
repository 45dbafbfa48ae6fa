//! Alipay's gateway (`https://openapi.alipay.com/gateway.do`): requests are signed with our RSA key, answers with Alipay's.
//!
//! Signatures are RSA2: SHA-256 with RSA, PKCS#1 v1.5, Base64. Private content is AES-128-CBC with an IV of zeros, encrypted
//! first and signed after.

mod content;
mod download;
mod errors;
mod gateway;
mod login;
mod phone;
mod picture;
pub mod rsa;
#[cfg(test)]
mod tests;

use mashang_config::Alipay as Section;
use reqwest::{Client, Url};
use secrecy::ExposeSecret;

use self::content::ContentKey;
use self::download::Hosts;
use self::rsa::{PrivateKey, PublicKey};
use super::pace::Pace;
use super::{PlatformError, http};

/// One mini-program at Alipay.
pub struct Alipay {
    http: Client,
    endpoint: Url,
    app_id: String,
    ours: PrivateKey,
    theirs: PublicKey,
    /// For phone numbers; none where the console has no key.
    content: Option<ContentKey>,
    page: String,
    pictures: Hosts,
    pace: Pace,
    timeouts: (u64, u64),
}

impl Alipay {
    /// # Errors
    /// When a key or the endpoint cannot be read.
    pub fn new(section: &Section) -> Result<Self, PlatformError> {
        let wrong = |setting, reason| PlatformError::Setting { setting, reason };
        let aes = section.aes_key.expose_secret();
        let content = (!aes.is_empty())
            .then(|| ContentKey::parse(aes).ok_or(wrong("alipay.aes_key", "is not base64 of 16 bytes")));
        Ok(Self {
            http: http::client(section.connect_timeout_ms, section.timeout_ms)?,
            endpoint: http::address(&section.endpoint, "alipay.endpoint")?,
            app_id: section.app_id.clone(),
            ours: PrivateKey::parse(section.private_key.expose_secret()).ok_or(wrong(
                "alipay.private_key",
                "is no RSA key (base64 of PKCS#8 or PKCS#1, 2048 bits or more)",
            ))?,
            theirs: PublicKey::parse(&section.public_key)
                .ok_or(wrong("alipay.public_key", "is no RSA key (base64 as Alipay's console shows it)"))?,
            content: content.transpose()?,
            page: section.page.clone(),
            pictures: Hosts::of(&section.picture_hosts),
            pace: Pace::new(section.codes_per_minute),
            timeouts: (section.connect_timeout_ms, section.timeout_ms),
        })
    }
}
