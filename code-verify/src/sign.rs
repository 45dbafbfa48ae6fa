//! Writing codes: the server's half.

use std::fmt;
use std::ops::Range;

use ed25519_dalek::{Signer, SigningKey};

use crate::keys::{KeyError, KeyId, PublicKey};
use crate::layout;
use crate::refusal::Flaw;
use crate::token::Token;

/// A secret key with the id under which its public half is published. `Debug` shows the id only; the key is wiped when
/// it is dropped.
pub struct IssuerKey {
    id: KeyId,
    key: SigningKey,
}

/// Why a token is not signed: no gate would accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code that a gate accepts: {0}")]
pub struct Unsignable(pub Flaw);

impl IssuerKey {
    /// `seed` is the private key of RFC 8032: 32 random bytes, used for codes and nothing else.
    pub fn new(id: KeyId, seed: &[u8; 32]) -> IssuerKey {
        IssuerKey { id, key: SigningKey::from_bytes(seed) }
    }

    /// What is published; see [`PublicKey::new`].
    pub fn public(&self, in_use: Range<u32>) -> Result<PublicKey, KeyError> {
        PublicKey::new(self.id, &self.public_bytes(), in_use)
    }

    /// The public half as in RFC 8032.
    pub fn public_bytes(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The code's text; the same token always gives the same text.
    pub fn sign(&self, token: &Token) -> Result<String, Unsignable> {
        token.check().map_err(Unsignable)?;
        Ok(layout::write(token, self.id, |message| self.key.sign(message).to_bytes()))
    }
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerKey({})", self.id)
    }
}
