//! Why a code is not accepted. The order of the variants is the order of the checks.

use crate::keys::KeyId;

/// Why a code is refused. The texts hold no part of the code but its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a code at all, or one that breaks a rule of the format.
    #[error("malformed: {0}")]
    Malformed(Flaw),
    /// Made by a later version of the format.
    #[error("unknown version {0}")]
    UnknownVersion(u8),
    /// No key of this id is held: too old a key list, or not a code of this operation.
    #[error("unknown key {0}")]
    UnknownKey(KeyId),
    #[error("the signature does not fit")]
    BadSignature,
    /// The key was not in use when the code says it was issued.
    #[error("key {0} was not in use at that time")]
    KeyNotInUse(KeyId),
    /// Good for something else, given by its number in the code.
    #[error("for another purpose ({0})")]
    WrongPurpose(u8),
    /// Seconds to wait, before any allowance.
    #[error("not valid for another {seconds} s")]
    NotYetValid { seconds: u64 },
    /// Seconds since `expires_at`, before any allowance; 0 at that very second.
    #[error("expired {seconds} s ago")]
    Expired { seconds: u64 },
    /// The token id stands in the deny-list.
    #[error("denied")]
    Denied,
}

impl Refusal {
    /// A stable word for machines, as in `vectors.json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "malformed",
            Refusal::UnknownVersion(_) => "unknown_version",
            Refusal::UnknownKey(_) => "unknown_key",
            Refusal::BadSignature => "bad_signature",
            Refusal::KeyNotInUse(_) => "key_not_in_use",
            Refusal::WrongPurpose(_) => "wrong_purpose",
            Refusal::NotYetValid { .. } => "not_yet_valid",
            Refusal::Expired { .. } => "expired",
            Refusal::Denied => "denied",
        }
    }
}

/// Which rule of the format is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("it does not begin like a code")]
    Prefix,
    #[error("no code has this length")]
    Length,
    #[error("a character outside of base45")]
    Alphabet,
    #[error("a group of characters that stands for no bytes")]
    Group,
    #[error("its life is empty or longer than its purpose allows")]
    Life,
    #[error("a colour that is missing or unknown")]
    Colour,
}

impl Flaw {
    /// A stable word for machines, as in `vectors.json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Flaw::Prefix => "prefix",
            Flaw::Length => "length",
            Flaw::Alphabet => "alphabet",
            Flaw::Group => "group",
            Flaw::Life => "life",
            Flaw::Colour => "colour",
        }
    }
}
