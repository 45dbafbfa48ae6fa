//! Standard Webhooks: how our own kind of gateway signs what we send it and what it reports back.
//!
//! The signature is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. The id names the message for good: the
//! receiver answers a repeated id with its first answer, which is what makes a resend harmless.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use mashang_domain::time::Timestamp;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// How far the clocks of the two sides may be apart, in seconds, either way.
pub const TOLERANCE_SECS: i64 = 5 * 60;

/// The shared key, decoded from `whsec_` and base64.
#[derive(Clone)]
pub struct WebhookSecret(SecretSlice<u8>);

/// The three headers that travel with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureHeaders<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`, seconds since the epoch
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more signatures, parted by spaces
    pub signature: &'a str,
}

/// Why a signed body is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("a signature header is missing or malformed")]
    Malformed,
    #[error("the time of the signature is more than five minutes off")]
    Stale,
    #[error("no signature matches")]
    Mismatch,
}

impl WebhookSecret {
    /// Reads `whsec_` and base64; the prefix and the padding may be absent. `None` when it is no base64 or empty.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("whsec_").unwrap_or(text).trim_end_matches('=');
        let key = BASE64_NOPAD.decode(text.as_bytes()).ok()?;
        (!key.is_empty()).then(|| Self(key.into()))
    }

    /// The value of `webhook-signature` for one message.
    pub fn sign(&self, id: &str, timestamp_secs: i64, body: &[u8]) -> String {
        let tag = self.mac(id, timestamp_secs, body).finalize().into_bytes();
        format!("v1,{}", BASE64.encode(&tag))
    }

    /// Believes a body only when it was signed with this key within [`TOLERANCE_SECS`] of `now`. Compares in constant time.
    pub fn verify(
        &self,
        headers: SignatureHeaders<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        if headers.id.is_empty() || headers.timestamp.bytes().any(|b| !b.is_ascii_digit()) {
            return Err(SignatureError::Malformed);
        }
        let signed_at: i64 = headers.timestamp.parse().map_err(|_| SignatureError::Malformed)?;
        if now.secs().abs_diff(signed_at) > TOLERANCE_SECS.unsigned_abs() {
            return Err(SignatureError::Stale);
        }
        let mac = self.mac(headers.id, signed_at, body);
        let matches = |given: &str| {
            let tag = given.strip_prefix("v1,").and_then(|t| BASE64.decode(t.as_bytes()).ok());
            tag.is_some_and(|tag| mac.clone().verify_slice(&tag).is_ok())
        };
        headers.signature.split(' ').any(matches).then_some(()).ok_or(SignatureError::Mismatch)
    }

    fn mac(&self, id: &str, timestamp_secs: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = hmac_sha256(self.0.expose_secret());
        mac.update(string_to_sign_head(id, timestamp_secs).as_bytes());
        mac.update(body);
        mac
    }
}

/// What stands before the body in the signed bytes: `id.timestamp.`
pub fn string_to_sign_head(id: &str, timestamp_secs: i64) -> String {
    format!("{id}.{timestamp_secs}.")
}

/// HMAC-SHA256 takes keys of every length.
pub(crate) fn hmac_sha256(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC has no invalid key length")]
    Hmac::new_from_slice(key).expect("any key length")
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_600_000_000);

    fn secret() -> WebhookSecret {
        WebhookSecret::parse("whsec_c2VjcmV0IG9mIHRoaXMgdGVzdA==").expect("parses")
    }

    #[test]
    fn what_was_signed_is_believed_for_five_minutes() {
        let signature = secret().sign("m1", NOW.secs(), b"{}");
        let several = format!("v1,AAAA v2,xyz {signature}");
        for (late_secs, expected) in [
            (0, Ok(())),
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(SignatureError::Stale)),
            (-301, Err(SignatureError::Stale)),
        ] {
            let headers = SignatureHeaders { id: "m1", timestamp: "1600000000", signature: &several };
            assert_eq!(secret().verify(headers, b"{}", NOW + late_secs * 1_000), expected, "{late_secs}");
        }
    }

    #[test]
    fn every_part_is_covered() {
        let signature = secret().sign("m1", NOW.secs(), b"{}");
        let good = SignatureHeaders { id: "m1", timestamp: "1600000000", signature: &signature };
        let check = |headers, body: &[u8]| secret().verify(headers, body, NOW);
        assert_eq!(check(good, b"{}"), Ok(()));
        assert_eq!(check(good, b"{} "), Err(SignatureError::Mismatch));
        assert_eq!(check(SignatureHeaders { id: "m2", ..good }, b"{}"), Err(SignatureError::Mismatch));
        let moved = SignatureHeaders { timestamp: "1600000001", ..good };
        assert_eq!(check(moved, b"{}"), Err(SignatureError::Mismatch));
        for timestamp in ["", "-1600000000", "+1600000000", "1.6e9", "99999999999999999999"] {
            let headers = SignatureHeaders { timestamp, ..good };
            assert_eq!(check(headers, b"{}"), Err(SignatureError::Malformed), "{timestamp}");
        }
        assert_eq!(check(SignatureHeaders { signature: "", ..good }, b"{}"), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_secret_is_base64_and_does_not_print() {
        assert!(WebhookSecret::parse("whsec_").is_none());
        assert!(WebhookSecret::parse("whsec_not base64").is_none());
        assert!(WebhookSecret::parse("c2VjcmV0IG9mIHRoaXMgdGVzdA").is_some());
        assert_eq!(format!("{:?}", secret()), "WebhookSecret(..)");
    }
}
