//! Keyed hashes: what look-ups and limits compare instead of numbers.

use hmac::{Hmac, KeyInit, Mac};
use mashang_domain::person::{IdentityNumber, Phone};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::KeyRing;
use crate::bugs::{self, Bug};

/// What a keyed hash is for; hashes of different labels cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    Phone,
    PhoneBlock,
    ClientAddress,
    LoginCode,
    RequestBody,
    OpenId,
    /// Kind and number of an identity document.
    Identity,
}

impl Label {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Label::Phone => b"phone",
            Label::PhoneBlock => b"phone-block",
            Label::ClientAddress => b"client-address",
            Label::LoginCode => b"login-code",
            Label::RequestBody => b"request-body",
            Label::OpenId => b"open-id",
            Label::Identity => b"identity",
        }
    }
}

impl KeyRing {
    /// HMAC-SHA-256 under the index key, 16 bytes; empty, which equals no stored hash, when the keys were destroyed.
    pub fn keyed_hash(&self, label: Label, value: &[u8]) -> Vec<u8> {
        let hash = |index: &[u8]| {
            let index = if bugs::has(Bug::UnkeyedHash) { &[] } else { index };
            let mut mac = Hmac::<Sha256>::new_from_slice(index)
                .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
            mac.update(label.bytes());
            mac.update(&[0]);
            mac.update(value);
            mac.finalize().into_bytes()[..16].to_vec()
        };
        self.with_data(|d| hash(d.index.as_slice())).unwrap_or_default()
    }

    pub fn phone_hash(&self, phone: &Phone) -> Vec<u8> {
        self.keyed_hash(Label::Phone, phone.reveal().as_bytes())
    }

    /// The hash by which an identity document is looked up: of its kind and its number.
    pub fn identity_hash(&self, identity: &IdentityNumber) -> Vec<u8> {
        let value = format!("{}\0{}", identity.kind(), identity.reveal());
        self.keyed_hash(Label::Identity, value.as_bytes())
    }

    /// The hash of a login code, bound to its request.
    pub fn code_hash(&self, request: Uuid, code: &str) -> Vec<u8> {
        self.keyed_hash(Label::LoginCode, &[request.as_bytes().as_slice(), code.as_bytes()].concat())
    }
}

/// What is stored of a session token: a token has 256 random bits, so a plain hash suffices.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyFileSecrets;

    #[test]
    fn a_number_has_another_hash_under_another_key() {
        let ring = || {
            let dir = tempfile::tempdir().expect("dir");
            KeyRing::from_secrets(&KeyFileSecrets::create(&dir.path().join("k.toml")).expect("made"))
        };
        let (phone, one, other) = (Phone::parse("13800138000").expect("parses"), ring(), ring());
        assert_eq!(one.phone_hash(&phone), one.phone_hash(&phone));
        assert_ne!(one.phone_hash(&phone), other.phone_hash(&phone));
        assert_ne!(one.phone_hash(&phone), one.keyed_hash(Label::PhoneBlock, b"13800138000"));
    }
}
