//! Where a message can reach somebody.

use std::fmt;

use super::{Email, Phone};

/// A number or an e-mail address. `Debug` and `Display` show its mask.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// For texts and calls.
    Phone(Phone),
    /// For e-mails; staff only.
    Email(Email),
}

impl Address {
    /// The address in clear: E.164 or an e-mail address. Only the gateways may call this.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.reveal(),
            Self::Email(email) => email.reveal(),
        }
    }
}

impl From<Phone> for Address {
    fn from(phone: Phone) -> Self {
        Self::Phone(phone)
    }
}

impl From<Email> for Address {
    fn from(email: Email) -> Self {
        Self::Email(email)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(phone) => fmt::Debug::fmt(phone, f),
            Self::Email(email) => fmt::Debug::fmt(email, f),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
