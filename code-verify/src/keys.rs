//! The published keys, by which codes are checked, and the list of token ids that are withdrawn.

use std::fmt;
use std::ops::Range;

use ed25519_dalek::VerifyingKey;

use crate::token::TokenId;

/// The number by which a code names its key. The publisher chooses it and never uses it for two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A published key and when it signs.
#[derive(Debug, Clone)]
pub struct PublicKey {
    pub(crate) id: KeyId,
    pub(crate) key: VerifyingKey,
    in_use: Range<u32>,
}

/// Why a key or a set of keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("key {0} is no Ed25519 public key, or one under which anybody can sign")]
    Unusable(KeyId),
    #[error("there are two keys {0}")]
    Twice(KeyId),
}

impl PublicKey {
    /// `bytes` as in RFC 8032; `in_use` bounds the issue times of its codes, in seconds since the Unix epoch. A code
    /// stays good until it expires, also when its key has been replaced in the meantime.
    pub fn new(id: KeyId, bytes: &[u8; 32], in_use: Range<u32>) -> Result<PublicKey, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Unusable(id))?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        if key.is_weak() || !canonical {
            return Err(KeyError::Unusable(id));
        }
        Ok(PublicKey { id, key, in_use })
    }

    pub(crate) fn signs_at(&self, second: u32) -> bool {
        self.in_use.contains(&second)
    }
}

/// The keys that a gate trusts; during a rotation, the old one and the new one.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Result<KeySet, KeyError> {
        let mut keys: Vec<PublicKey> = keys.into_iter().collect();
        keys.sort_by_key(|key| key.id);
        match keys.windows(2).find(|pair| pair[0].id == pair[1].id) {
            Some(pair) => Err(KeyError::Twice(pair[0].id)),
            None => Ok(KeySet(keys)),
        }
    }

    pub(crate) fn get(&self, id: KeyId) -> Option<&PublicKey> {
        self.0.binary_search_by_key(&id, |key| key.id).ok().and_then(|at| self.0.get(at))
    }
}

/// Token ids that are refused although their codes are well signed.
#[derive(Debug, Clone, Default)]
pub struct DenyList(Vec<TokenId>);

impl DenyList {
    pub fn contains(&self, id: &TokenId) -> bool {
        self.0.binary_search(id).is_ok()
    }
}

impl FromIterator<TokenId> for DenyList {
    fn from_iter<I: IntoIterator<Item = TokenId>>(ids: I) -> DenyList {
        let mut ids: Vec<TokenId> = ids.into_iter().collect();
        ids.sort_unstable();
        DenyList(ids)
    }
}
