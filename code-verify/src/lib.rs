//! The signed code that a phone or a printed pass shows at a gate.
//!
//! A code is a short text for a QR symbol: who may pass (a random id), for what purpose, with which colour, from when to
//! when, under an Ed25519 signature. A gate that holds the published keys checks it without any network. The format is
//! described byte by byte in `docs/code-format.md`, with test vectors in `vectors.json`.
//!
//! [`Verifier`] reads codes; [`IssuerKey`] (feature `sign`) writes them. Both use one layout, so that they cannot drift
//! apart. No input makes the reader panic or allocate.

mod base45;
mod keys;
mod layout;
mod refusal;
#[cfg(feature = "sign")]
mod sign;
mod token;
mod verify;

pub use keys::{DenyList, KeyError, KeyId, KeySet, PublicKey};
pub use layout::{MAX_TEXT, PREFIX, VERSION};
pub use refusal::{Flaw, Refusal};
#[cfg(feature = "sign")]
pub use sign::{IssuerKey, Unsignable};
pub use token::{Colour, MAX_PAYLOAD, Payload, Purpose, Token, TokenId};
pub use verify::{Verified, Verifier};
