//! RSA2 signatures, with keys as Alipay's tools write them: one line of base64, or PEM.

use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use zeroize::Zeroizing;

/// `SEQUENCE { OID rsaEncryption, NULL }`: what stands before the key itself in a SubjectPublicKeyInfo (RFC 3279).
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The key that signs what we send. Cannot be printed.
pub struct PrivateKey(KeyPair);

impl PrivateKey {
    /// PKCS#8 or PKCS#1, 2048 to 4096 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let der = Zeroizing::new(der(text)?);
        KeyPair::from_pkcs8(&der).or_else(|_| KeyPair::from_der(&der)).ok().map(Self)
    }

    /// The signature of `text`, Base64; `None` when the system's random source fails.
    pub fn sign(&self, text: &str) -> Option<String> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
        Some(BASE64.encode(&signature))
    }
}

/// The key that Alipay signs with.
pub struct PublicKey(UnparsedPublicKey<Vec<u8>>);

impl PublicKey {
    /// SubjectPublicKeyInfo, as Alipay's console shows it, or PKCS#1.
    pub fn parse(text: &str) -> Option<Self> {
        let der = der(text)?;
        let key = bare(&der).unwrap_or(&der).to_vec();
        // A sequence of two integers; what else is wrong shows at the first signature.
        (key.len() >= 256 && key[0] == 0x30)
            .then(|| Self(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)))
    }

    /// Whether `signature` (Base64) is Alipay's of `text`.
    pub fn verify(&self, text: &str, signature: &str) -> bool {
        let signature = BASE64.decode(signature.trim().as_bytes());
        signature.is_ok_and(|signature| self.0.verify(text.as_bytes(), &signature).is_ok())
    }
}

/// The key inside a SubjectPublicKeyInfo: after the algorithm a bit string of whole bytes.
fn bare(info: &[u8]) -> Option<&[u8]> {
    let inside = content(info, 0x30)?;
    let bits = content(inside.strip_prefix(&RSA_ENCRYPTION)?, 0x03)?;
    bits.strip_prefix(&[0])
}

/// What a DER value with this tag holds; it must be all there is.
fn content(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (&length, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    (rest.len() == length).then_some(rest)
}

/// The bytes of a key, whatever its armour.
fn der(text: &str) -> Option<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("-----"));
    let base64: Zeroizing<String> =
        Zeroizing::new(lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect());
    BASE64.decode(base64.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused() {
        let short = BASE64.encode(&[0x30; 64]);
        for text in ["", "hello", "AAAA", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", &short] {
            assert!(PrivateKey::parse(text).is_none() && PublicKey::parse(text).is_none(), "{text}");
        }
    }
}
