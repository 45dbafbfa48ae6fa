//! SDK-HMAC-SHA256, the signature of Huawei Cloud's API gateway, one function a step.
//!
//! The canonical path ends in a slash. Of a form the content is not signed at all (`UNSIGNED-PAYLOAD`, said in a header that
//! is), so that TLS alone protects its numbers; JSON is signed by its hash.

use std::collections::BTreeMap;
use std::fmt::Write;

use mashang_domain::time::Timestamp;

use crate::gateway::digest::{hex_hmac, hex_sha256};
use crate::gateway::form::FORM;

pub const ALGORITHM: &str = "SDK-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A POST without query as it will be sent, before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct SdkRequest<'a> {
    /// The `Host` as sent, with its port where that is not the scheme's own.
    pub host: &'a str,
    pub path: &'a str,
    pub content_type: &'a str,
    pub body: &'a [u8],
    pub now: Timestamp,
}

impl SdkRequest<'_> {
    /// The documented minimum of headers, by name: all of them are sent and signed.
    pub fn headers(&self) -> BTreeMap<&'static str, String> {
        let mut headers = BTreeMap::from([
            ("content-type", self.content_type.to_owned()),
            ("host", self.host.to_owned()),
            ("x-sdk-date", self.now.to_chrono().format("%Y%m%dT%H%M%SZ").to_string()),
        ]);
        if self.content_type == FORM {
            headers.insert("x-sdk-content-sha256", UNSIGNED.to_owned());
        }
        headers
    }

    /// The names of the signed headers, parted by semicolons.
    pub fn signed_headers(&self) -> String {
        self.headers().into_keys().collect::<Vec<_>>().join(";")
    }

    /// Method, path, query, headers, their names and the hash of the body: what the signature covers.
    pub fn canonical_request(&self) -> String {
        let headers = self.headers();
        let mut lines = String::new();
        for (name, value) in &headers {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{name}:{}", value.trim());
        }
        let hash = headers.get("x-sdk-content-sha256").cloned().unwrap_or_else(|| hex_sha256(self.body));
        let path = self.path.trim_end_matches('/');
        format!("POST\n{path}/\n\n{lines}\n{}\n{hash}", self.signed_headers())
    }

    /// Algorithm, time and the hash of the canonical request.
    pub fn string_to_sign(&self) -> String {
        let hash = hex_sha256(self.canonical_request().as_bytes());
        format!("{ALGORITHM}\n{}\n{hash}", self.headers()["x-sdk-date"])
    }

    /// HMAC-SHA256 with the application's secret, in lower-case hex.
    pub fn signature(&self, secret: &str) -> String {
        hex_hmac(secret.as_bytes(), &self.string_to_sign())
    }

    /// The value of the `Authorization` header.
    pub fn authorization(&self, key_id: &str, secret: &str) -> String {
        let (names, signature) = (self.signed_headers(), self.signature(secret));
        format!("{ALGORITHM} Access={key_id}, SignedHeaders={names}, Signature={signature}")
    }
}
