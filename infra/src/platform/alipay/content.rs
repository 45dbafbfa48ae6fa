//! Private content: AES-128-CBC, PKCS#7, an IV of sixteen zeros.
//!
//! The fixed IV is the platform's: equal content has equal ciphertext. Nothing here rests on its secrecy beyond Alipay's own
//! design; what counts is the signature over it.

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use data_encoding::BASE64;
use zeroize::Zeroizing;

const IV: [u8; 16] = [0; 16];

/// The key of the console. Cannot be printed.
pub(super) struct ContentKey(Zeroizing<[u8; 16]>);

impl ContentKey {
    /// Base64 of 16 bytes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// The text of a ciphertext in Base64.
    pub(super) fn open(&self, ciphertext: &str) -> Option<Zeroizing<String>> {
        let mut bytes = Zeroizing::new(BASE64.decode(ciphertext.as_bytes()).ok()?);
        let cipher = cbc::Decryptor::<Aes128>::new((&*self.0).into(), (&IV).into());
        let text = cipher.decrypt_padded::<Pkcs7>(&mut bytes).ok()?;
        String::from_utf8(text.to_vec()).ok().map(Zeroizing::new)
    }
}
