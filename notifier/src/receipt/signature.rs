//! X-Twilio-Signature (twilio.com/docs/usage/webhooks/webhooks-security): who may tell us that a message arrived.
//!
//! The signature covers the address that was called and the fields of the form. The address is the one of our settings,
//! never rebuilt from headers: a proxy stands in between. The provider writes it with or without a port, so both are tried.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::form::{field, fields};

/// A push as it came.
#[derive(Debug, Clone, Copy)]
pub struct TwilioPush<'a> {
    /// The address of our settings, with the query that was called.
    pub url: &'a str,
    /// `X-Twilio-Signature`
    pub signature: &'a str,
    /// `X-Twilio-Webhooks-Signature-Settings`; empty for absent: HMAC-SHA1 with the account's token.
    pub settings: &'a str,
    pub body: &'a [u8],
}

/// Whether the push was signed with this secret. An algorithm that we do not know is a no.
pub fn twilio_signed(secret: &SecretString, push: TwilioPush<'_>) -> bool {
    let Ok(given) = BASE64.decode(push.signature.as_bytes()) else { return false };
    let Some(signed) = signed_fields(&push) else { return false };
    let Some(algorithm) = Algorithm::of(push.settings) else { return false };
    let fits = |url: String| algorithm.verifies(secret.expose_secret(), &format!("{url}{signed}"), &given);
    with_and_without_port(push.url).into_iter().any(fits)
}

#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Sha1,
    Sha256,
}

impl Algorithm {
    /// `key=..,algorithm=HMAC_SHA256`
    fn of(settings: &str) -> Option<Self> {
        if settings.is_empty() {
            return Some(Self::Sha1);
        }
        match settings.split(',').find_map(|part| part.trim().strip_prefix("algorithm=")) {
            Some("HMAC_SHA256") => Some(Self::Sha256),
            Some(_) | None => None,
        }
    }

    /// Compares in constant time. An empty secret signs nothing.
    fn verifies(self, secret: &str, text: &str, given: &[u8]) -> bool {
        let (key, text) = (secret.as_bytes(), text.as_bytes());
        !key.is_empty()
            && match self {
                Self::Sha1 => Hmac::<Sha1>::new_from_slice(key)
                    .is_ok_and(|mac| mac.chain_update(text).verify_slice(given).is_ok()),
                Self::Sha256 => Hmac::<Sha256>::new_from_slice(key)
                    .is_ok_and(|mac| mac.chain_update(text).verify_slice(given).is_ok()),
            }
    }
}

/// The fields as they are signed: by name, each value once. A body that is no form is signed by its hash in the query;
/// `None` when that is another body's.
fn signed_fields(push: &TwilioPush<'_>) -> Option<String> {
    let query = push.url.split_once('?').map_or("", |(_, query)| query);
    if let Some(hash) = field(&fields(query), "bodySHA256") {
        let own = HEXLOWER.encode(&Sha256::digest(push.body));
        return bool::from(own.as_bytes().ct_eq(hash.as_bytes())).then(String::new);
    }
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in fields(std::str::from_utf8(push.body).ok()?) {
        by_name.entry(name).or_default().push(value);
    }
    let mut signed = String::new();
    for (name, mut values) in by_name {
        values.sort_unstable();
        values.dedup();
        for value in values {
            signed.push_str(&name);
            signed.push_str(&value);
        }
    }
    Some(signed)
}

fn with_and_without_port(url: &str) -> Vec<String> {
    let Ok(parsed) = Url::parse(url) else { return Vec::new() };
    let (Some(host), Some(port)) = (parsed.host_str(), parsed.port_or_known_default()) else {
        return Vec::new();
    };
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    vec![format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://gw.example.test/cb/twilio?ref=r1";

    fn signature(secret: &str, text: &str) -> String {
        let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any length").chain_update(text);
        BASE64.encode(&mac.finalize().into_bytes())
    }

    fn signed(secret: &str, signature: &str, settings: &str, body: &str) -> bool {
        let push = TwilioPush { url: URL, signature, settings, body: body.as_bytes() };
        twilio_signed(&SecretString::from(secret), push)
    }

    #[test]
    fn what_was_not_signed_is_not_believed() {
        let body = "b=2&a=1+x&b=2&c=";
        let good = signature("token", &format!("{URL}a1 xb2c"));
        assert!(signed("token", &good, "", body));
        assert!(signed(
            "token",
            &signature("token", &format!("{}a1 xb2c", URL.replace("test/", "test:443/"))),
            "",
            body
        ));
        for (secret, signature, settings, body) in [
            ("other", good.as_str(), "", body),
            ("token", "", "", body),
            ("token", "AAAA", "", body),
            ("token", &good, "key=k,algorithm=NONE", body),
            ("token", &good, "key=k", body),
            ("token", &good, "", "b=2&a=1+x&b=2&c=&d=1"),
            ("", &signature("", &format!("{URL}a1 xb2c")), "", body),
        ] {
            assert!(!signed(secret, signature, settings, body), "{secret} {signature} {settings} {body}");
        }
    }
}
