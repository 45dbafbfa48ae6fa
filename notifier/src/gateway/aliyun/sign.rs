//! ACS3-HMAC-SHA256, the signature of Alibaba Cloud (help.aliyun.com/document_detail/159972.htm), one function a step.
//!
//! The canonical query is computed from decoded values with everything but `A-Za-z0-9-_.~` escaped; a form encoder would
//! write spaces, `*` and `~` differently. Every `x-acs-*` header, `host` and `content-type` must be signed if present.

use std::collections::BTreeMap;
use std::fmt::Write;

use mashang_domain::time::Timestamp;

use crate::gateway::digest::{hex_hmac, hex_sha256};
use crate::gateway::form::encode_pairs;

pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// A request as it will be sent, before it is signed.
#[derive(Debug, Clone)]
pub struct AcsRequest<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// The `Host` as sent, with its port where that is not the scheme's own.
    pub host: &'a str,
    pub action: &'a str,
    pub version: &'a str,
    /// Decoded names and values, in any order.
    pub query: &'a [(&'a str, &'a str)],
    /// The form as sent; empty for none.
    pub body: &'a [u8],
    pub content_type: Option<&'a str>,
    pub now: Timestamp,
    /// Never used before with this key.
    pub nonce: &'a str,
}

impl AcsRequest<'_> {
    /// The documented minimum of headers, by name: all of them are sent and signed.
    pub fn headers(&self) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::from([
            ("host", self.host.to_owned()),
            ("x-acs-action", self.action.to_owned()),
            ("x-acs-content-sha256", hex_sha256(self.body)),
            ("x-acs-date", self.now.floor_to_second().to_string()),
            ("x-acs-signature-nonce", self.nonce.to_owned()),
            ("x-acs-version", self.version.to_owned()),
        ]);
        if let Some(content_type) = self.content_type {
            headers.insert("content-type", content_type.to_owned());
        }
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Method, path, query, headers, their names and the hash of the body: what the signature covers.
    pub fn canonical_request(&self, headers: &BTreeMap<String, String>) -> String {
        let mut lines = String::new();
        for (name, value) in headers {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{name}:{}", value.trim());
        }
        let query = encode_pairs(&sorted(self.query));
        let (signed, hash) = (signed_headers(headers), hex_sha256(self.body));
        format!("{}\n{}\n{query}\n{lines}\n{signed}\n{hash}", self.method, self.path)
    }

    /// The value of `Authorization` over the given headers.
    pub fn authorize(&self, headers: &BTreeMap<String, String>, key_id: &str, secret: &str) -> String {
        let signature = signature(secret, &string_to_sign(&self.canonical_request(headers)));
        authorization(key_id, &signed_headers(headers), &signature)
    }
}

/// The algorithm's name and the hash of the canonical request.
pub fn string_to_sign(canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{}", hex_sha256(canonical_request.as_bytes()))
}

/// HMAC-SHA256 with the access key secret, in lower-case hex.
pub fn signature(secret: &str, string_to_sign: &str) -> String {
    hex_hmac(secret.as_bytes(), string_to_sign)
}

/// The value of the `Authorization` header.
pub fn authorization(key_id: &str, signed_headers: &str, signature: &str) -> String {
    format!("{ALGORITHM} Credential={key_id},SignedHeaders={signed_headers},Signature={signature}")
}

/// The names of the signed headers, parted by semicolons.
pub fn signed_headers(headers: &BTreeMap<String, String>) -> String {
    headers.keys().map(String::as_str).collect::<Vec<_>>().join(";")
}

fn sorted<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_has_whole_seconds() {
        let request = AcsRequest {
            method: "POST",
            path: "/",
            host: "h",
            action: "A",
            version: "1",
            query: &[],
            body: b"",
            content_type: None,
            now: Timestamp(1_600_000_000_999),
            nonce: "n",
        };
        assert_eq!(request.headers()["x-acs-date"], "2020-09-13T12:26:40Z");
        assert_eq!(request.headers().len(), 6);
    }
}
