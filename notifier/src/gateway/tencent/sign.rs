//! TC3-HMAC-SHA256, the signature of Tencent Cloud (cloud.tencent.com/document/api/382/52072), one function a step.
//!
//! It covers the body, `content-type` and `host`; action, version and region travel unsigned. The date of the credential
//! scope is the UTC date of the timestamp. The provider refuses clocks that are more than five minutes off.

use std::collections::BTreeMap;
use std::fmt::Write;

use data_encoding::HEXLOWER;
use mashang_domain::time::Timestamp;

use crate::gateway::digest::{hex_sha256, hmac};

pub const ALGORITHM: &str = "TC3-HMAC-SHA256";
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// A request as it will be sent, before it is signed. The path is always `/`, the query empty.
#[derive(Debug, Clone, Copy)]
pub struct TcRequest<'a> {
    /// The `Host` as sent, with its port where that is not the scheme's own.
    pub host: &'a str,
    /// `sms` or `vms`.
    pub service: &'a str,
    pub content_type: &'a str,
    /// JSON.
    pub body: &'a [u8],
    pub now: Timestamp,
}

impl TcRequest<'_> {
    /// The headers that are signed, by name.
    pub fn headers(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("content-type", self.content_type.to_owned()), ("host", self.host.to_owned())])
    }

    /// Method, path, query, headers, their names and the hash of the body: what the signature covers.
    pub fn canonical_request(&self) -> String {
        let mut lines = String::new();
        for (name, value) in self.headers() {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{name}:{}", value.trim());
        }
        format!("POST\n/\n\n{lines}\n{}\n{}", self.signed_headers(), hex_sha256(self.body))
    }

    /// The names of the signed headers, parted by semicolons.
    pub fn signed_headers(&self) -> String {
        self.headers().into_keys().collect::<Vec<_>>().join(";")
    }

    /// Date in UTC, service and a closing word.
    pub fn scope(&self) -> String {
        format!("{}/{}/tc3_request", self.date(), self.service)
    }

    /// Algorithm, time, scope and the hash of the canonical request.
    pub fn string_to_sign(&self) -> String {
        let hash = hex_sha256(self.canonical_request().as_bytes());
        format!("{ALGORITHM}\n{}\n{}\n{hash}", self.now.secs(), self.scope())
    }

    /// The string to sign under a key derived from the secret, the date and the service; lower-case hex.
    pub fn signature(&self, secret: &str) -> String {
        let key = hmac(format!("TC3{secret}").as_bytes(), &self.date());
        let key = hmac(&hmac(&key, self.service), "tc3_request");
        HEXLOWER.encode(&hmac(&key, &self.string_to_sign()))
    }

    /// The value of the `Authorization` header.
    pub fn authorization(&self, key_id: &str, secret: &str) -> String {
        let (scope, names) = (self.scope(), self.signed_headers());
        let signature = self.signature(secret);
        format!("{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    fn date(&self) -> String {
        self.now.to_chrono().format("%Y-%m-%d").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_utc() {
        let now = Timestamp::parse("2020-02-12T07:59:59+08:00").expect("a time");
        let request = TcRequest { host: "h", service: "sms", content_type: CONTENT_TYPE, body: b"{}", now };
        assert_eq!(request.scope(), "2020-02-11/sms/tc3_request");
    }
}
