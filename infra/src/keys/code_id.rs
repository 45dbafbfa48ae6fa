//! The ids of signed codes: random to everybody who has not the ring, and to us whose code it is.
//!
//! An id is one block: the reference of a health code and eight random bytes, enciphered by AES-256 under a key of its own. So
//! a phone gets a new id every minute without a row anywhere, and a check finds its person without a table of ids.

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use rand::TryRng;

use super::{KeyRing, SealError};

impl KeyRing {
    /// A new id for a code.
    ///
    /// # Errors
    /// When the keys were destroyed, or there is no randomness.
    pub fn code_id(&self, code_ref: i64) -> Result<[u8; 16], SealError> {
        let mut block = [0; 16];
        block[..8].copy_from_slice(&code_ref.to_be_bytes());
        rand::rngs::SysRng.try_fill_bytes(&mut block[8..]).map_err(|_| SealError::NoRandomness)?;
        let mut block = block.into();
        self.code_cipher()?.encrypt_block(&mut block);
        Ok(block.into())
    }

    /// Whose code an id is; of an id that is none of ours, some other number.
    ///
    /// # Errors
    /// When the keys were destroyed.
    pub fn code_ref(&self, id: [u8; 16]) -> Result<i64, SealError> {
        let mut block = id.into();
        self.code_cipher()?.decrypt_block(&mut block);
        let block: [u8; 16] = block.into();
        let [a, b, c, d, e, f, g, h, ..] = block;
        Ok(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    fn code_cipher(&self) -> Result<Aes256, SealError> {
        let cipher = self.with_data(|d| Aes256::new_from_slice(d.code.as_slice()));
        cipher.ok_or(SealError::Destroyed)?.map_err(|_| SealError::Broken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::keys::KeyFileSecrets;

    #[test]
    fn an_id_leads_back_and_looks_like_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let ring = KeyRing::from_secrets(&KeyFileSecrets::create(&dir.path().join("k.toml")).expect("made"));
        let ids: HashSet<[u8; 16]> = (0..1_000).map(|_| ring.code_id(7).expect("made")).collect();
        assert_eq!(ids.len(), 1_000, "no two alike");
        assert!(ids.iter().all(|id| ring.code_ref(*id) == Ok(7)));
        assert!(ids.iter().all(|id| id[..7] != [0; 7]), "the reference does not show");
        for n in [0, -1, i64::MAX, i64::MIN] {
            assert_eq!(ring.code_ref(ring.code_id(n).expect("made")), Ok(n));
        }
    }
}
