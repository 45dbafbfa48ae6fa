//! What a code says: nothing about a person but a colour and a random id.

use std::fmt;

use crate::refusal::Flaw;

/// Bytes a payload may have; with more, the QR symbol would not stay within version 7.
pub const MAX_PAYLOAD: usize = 20;

const DAY: u32 = 86_400;

/// What a code is good for. A gate accepts the purposes that it was set up for and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The health code on a phone; always has a colour.
    HealthCode,
    /// An exit pass on a phone.
    ExitPass,
    /// A pass on paper, for people without a phone.
    PrintedPass,
    /// A certificate on paper, such as one of resumed work.
    Certificate,
}

impl Purpose {
    pub const ALL: [Purpose; 4] =
        [Purpose::HealthCode, Purpose::ExitPass, Purpose::PrintedPass, Purpose::Certificate];

    /// The byte in the code.
    pub const fn number(self) -> u8 {
        match self {
            Purpose::HealthCode => 1,
            Purpose::ExitPass => 2,
            Purpose::PrintedPass => 3,
            Purpose::Certificate => 4,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.number() == number)
    }

    /// Seconds that a code may live at most, whatever its issuer wants: a key that leaked and was withdrawn cannot have
    /// made codes that outlive it for long.
    pub const fn longest_life(self) -> u32 {
        match self {
            Purpose::HealthCode | Purpose::ExitPass => 300,
            Purpose::PrintedPass => 31 * DAY,
            Purpose::Certificate => 366 * DAY,
        }
    }
}

/// The colour of a health code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colour {
    Green,
    Yellow,
    Red,
    /// No valid declaration.
    Grey,
}

impl Colour {
    pub const ALL: [Colour; 4] = [Colour::Green, Colour::Yellow, Colour::Red, Colour::Grey];

    /// The byte in the code; 0 is "no colour".
    pub const fn number(self) -> u8 {
        match self {
            Colour::Green => 1,
            Colour::Yellow => 2,
            Colour::Red => 3,
            Colour::Grey => 4,
        }
    }

    pub(crate) fn from_number(number: u8) -> Result<Option<Colour>, Flaw> {
        match number {
            0 => Ok(None),
            _ => Colour::ALL.into_iter().find(|c| c.number() == number).map(Some).ok_or(Flaw::Colour),
        }
    }
}

/// A random id, by which a code can be denied and a gate remembers what it has admitted. Says nothing about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub [u8; 16]);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Up to [`MAX_PAYLOAD`] bytes whose meaning the purpose fixes, such as the gate of a pass or a masked name.
///
/// `Debug` gives the length only.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Payload {
    bytes: [u8; MAX_PAYLOAD],
    length: usize,
}

impl Payload {
    /// `None` when there are more than [`MAX_PAYLOAD`] bytes.
    pub fn new(bytes: &[u8]) -> Option<Payload> {
        let mut payload = Payload { length: bytes.len(), ..Payload::default() };
        payload.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(payload)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.length)
    }
}

/// What a code says. Times are seconds since the Unix epoch; the code is good in `[issued_at, expires_at)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub purpose: Purpose,
    pub issued_at: u32,
    pub expires_at: u32,
    pub id: TokenId,
    pub colour: Option<Colour>,
    pub payload: Payload,
}

impl Token {
    /// The rules that hold between fields; a code that breaks one is neither written nor accepted.
    pub(crate) fn check(&self) -> Result<(), Flaw> {
        if self.purpose == Purpose::HealthCode && self.colour.is_none() {
            return Err(Flaw::Colour);
        }
        match self.expires_at.checked_sub(self.issued_at) {
            Some(life) if life > 0 && life <= self.purpose.longest_life() => Ok(()),
            Some(_) | None => Err(Flaw::Life),
        }
    }
}
