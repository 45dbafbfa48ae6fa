//! Checking a code at a gate, without any network.

use ed25519_dalek::Signature;

use crate::keys::{DenyList, KeyId, KeySet};
use crate::layout::Envelope;
use crate::refusal::Refusal;
use crate::token::{Purpose, Token};

/// What a gate is set up with: the keys it trusts, what it lets pass, how far its clock may be wrong.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: KeySet,
    accepted: Vec<Purpose>,
    skew: u32,
}

/// A code that is good now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    pub token: Token,
    pub key: KeyId,
}

impl Verifier {
    /// `skew` is the allowance in seconds between the clocks of the issuer and of the gate, on both ends of a code's life;
    /// 30 is plenty for a phone.
    pub fn new(keys: KeySet, accepted: impl IntoIterator<Item = Purpose>, skew: u32) -> Verifier {
        Verifier { keys, accepted: accepted.into_iter().collect(), skew }
    }

    /// Checks a text as it was scanned; `now` is seconds since the Unix epoch. The signature is checked before any field is
    /// looked at, except the version and the id of the key.
    pub fn verify(&self, text: impl AsRef<[u8]>, now: u64, denied: &DenyList) -> Result<Verified, Refusal> {
        let envelope = Envelope::read(text.as_ref())?;
        let key = self.keys.get(envelope.key()).ok_or(Refusal::UnknownKey(envelope.key()))?;
        let (message, signature) = envelope.signed();
        key.key
            .verify_strict(message, &Signature::from_bytes(&signature))
            .map_err(|_| Refusal::BadSignature)?;
        if !key.signs_at(envelope.issued_at()) {
            return Err(Refusal::KeyNotInUse(key.id));
        }
        let purpose = Purpose::from_number(envelope.purpose())
            .filter(|purpose| self.accepted.contains(purpose))
            .ok_or(Refusal::WrongPurpose(envelope.purpose()))?;
        let token = envelope.token(purpose).map_err(Refusal::Malformed)?;
        self.in_time(&token, now)?;
        match denied.contains(&token.id) {
            true => Err(Refusal::Denied),
            false => Ok(Verified { token, key: key.id }),
        }
    }

    fn in_time(&self, token: &Token, now: u64) -> Result<(), Refusal> {
        let (issued_at, expires_at) = (u64::from(token.issued_at), u64::from(token.expires_at));
        let skew = u64::from(self.skew);
        if now.saturating_add(skew) < issued_at {
            return Err(Refusal::NotYetValid { seconds: issued_at - now });
        }
        if now >= expires_at + skew {
            return Err(Refusal::Expired { seconds: now - expires_at });
        }
        Ok(())
    }
}
