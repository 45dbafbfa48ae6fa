//! Where a message can reach somebody.

use std::fmt;

use super::{Email, OpenId, Phone};

/// A number, an e-mail address or an account at a platform. `Debug` and `Display` show its mask.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// For texts and calls.
    Phone(Phone),
    /// For e-mails; staff only.
    Email(Email),
    /// For messages through a platform, to people who signed in with it.
    Account(OpenId),
}

impl Address {
    /// The address in clear: E.164, an e-mail address or the platform's id of a person. Only the gateways may call this.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.reveal(),
            Self::Email(email) => email.reveal(),
            Self::Account(id) => id.reveal(),
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

impl From<OpenId> for Address {
    fn from(id: OpenId) -> Self {
        Self::Account(id)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(phone) => fmt::Debug::fmt(phone, f),
            Self::Email(email) => fmt::Debug::fmt(email, f),
            Self::Account(id) => fmt::Debug::fmt(id, f),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
