//! What the signatures of the cloud providers are made of.

use data_encoding::HEXLOWER;
use hmac::Mac;
use sha2::{Digest, Sha256};

use crate::standard_webhooks::hmac_sha256;

/// SHA-256 in lower-case hex.
pub(super) fn hex_sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// HMAC-SHA256 of a text.
pub(super) fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = hmac_sha256(key);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// [`hmac`] in lower-case hex.
pub(super) fn hex_hmac(key: &[u8], text: &str) -> String {
    HEXLOWER.encode(&hmac(key, text))
}
