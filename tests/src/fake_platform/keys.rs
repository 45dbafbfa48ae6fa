//! The keys of the tests, which Alipay's own SDK has made vectors with, and what is done with them.

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use serde_json::Value;

pub(super) struct Keys {
    pub(super) ours_private: String,
    pub(super) alipay_public: String,
    pub(super) aes: String,
    alipay_private: String,
}

impl Keys {
    pub(super) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/platform-vectors/alipay.json");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let all: Value = serde_json::from_str(&text).unwrap_or_default();
        let get = |pointer: &str| all.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            ours_private: get("/keys/ours/pkcs8"),
            alipay_public: get("/keys/alipay/public"),
            aes: get("/keys/aes"),
            alipay_private: get("/keys/alipay/pkcs8"),
        }
    }

    /// Alipay's signature of a text.
    pub(super) fn sign(&self, text: &str) -> String {
        let key = KeyPair::from_pkcs8(&bytes(&self.alipay_private)).unwrap_or_else(|e| panic!("{e}"));
        let mut signature = vec![0; key.public().modulus_len()];
        let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature);
        signed.unwrap_or_else(|e| panic!("{e}"));
        BASE64.encode(&signature)
    }

    /// Whether a signature is that of the mini-program.
    pub(super) fn verify(&self, text: &str, signature: &str) -> bool {
        let private = KeyPair::from_pkcs8(&bytes(&self.ours_private)).unwrap_or_else(|e| panic!("{e}"));
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, private.public().as_ref());
        public.verify(text.as_bytes(), &bytes(signature)).is_ok()
    }

    pub(super) fn encrypt(&self, text: &str) -> String {
        let key: [u8; 16] = bytes(&self.aes).try_into().unwrap_or_default();
        let cipher = cbc::Encryptor::<Aes128>::new(&key.into(), &[0; 16].into());
        BASE64.encode(&cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes()))
    }
}

fn bytes(base64: &str) -> Vec<u8> {
    BASE64.decode(base64.as_bytes()).unwrap_or_default()
}
