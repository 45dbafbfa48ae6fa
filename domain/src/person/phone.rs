//! A phone number that cannot be printed by accident.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// A phone number in E.164. `Debug` and `Display` show its mask (`138****0000`); the number itself is only to be had
/// by name, through [`Phone::reveal`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("a mainland mobile number has 11 digits and starts with 13 to 19")]
    NotMainlandMobile,
    #[error("an international number is written `+`, country code and number, 8 to 15 digits in all")]
    NotE164,
}

impl Phone {
    /// Accepts `1[3-9]` and nine digits (mainland mobile), and E.164. Spaces and hyphens between digits are dropped.
    ///
    /// Mainland numbers are judged by their shape only: new ranges are opened every year and the gateway knows best.
    /// Foreign numbers are checked against the numbering plans.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let digits: String = text.trim().chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if digits.len() > 17 || !digits.is_ascii() {
            return Err(PhoneError::NotE164);
        }
        match digits.strip_prefix('+') {
            None => mainland(&digits).map(|d| Self(format!("+86{d}"))),
            Some(rest) => match rest.strip_prefix("86") {
                Some(national) => mainland(national).map(|d| Self(format!("+86{d}"))),
                None => foreign(&digits),
            },
        }
    }

    /// Rebuilds a number that was stored by us, in E.164.
    pub fn from_stored(e164: String) -> Option<Self> {
        (e164.starts_with('+') && e164[1..].bytes().all(|b| b.is_ascii_digit())).then_some(Self(e164))
    }

    /// The number in clear, E.164. Only sealing, hashing and the gateways may call this.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn is_mainland(&self) -> bool {
        self.0.starts_with("+86")
    }

    /// What a screen may show: `138****0000`, foreign `+852****5678`.
    pub fn masked(&self) -> String {
        let (head, digits) = match self.0.strip_prefix("+86") {
            Some(national) => (&national[..3], national),
            None => (&self.0[..4.min(self.0.len())], &self.0[1..]),
        };
        format!("{head}****{}", &digits[digits.len() - 4..])
    }

    /// The number block of 10,000 a number lies in (all but its last four digits): the unit of the prefix limits.
    pub fn block(&self) -> &str {
        &self.0[..self.0.len() - 4]
    }
}

fn mainland(digits: &str) -> Result<&str, PhoneError> {
    let b = digits.as_bytes();
    let shape =
        b.len() == 11 && b[0] == b'1' && (b'3'..=b'9').contains(&b[1]) && b.iter().all(u8::is_ascii_digit);
    shape.then_some(digits).ok_or(PhoneError::NotMainlandMobile)
}

fn foreign(text: &str) -> Result<Phone, PhoneError> {
    let digits = &text[1..];
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PhoneError::NotE164);
    }
    let number = phonenumber::parse(None, text).map_err(|_| PhoneError::NotE164)?;
    number.is_valid().then(|| Phone(text.to_owned())).ok_or(PhoneError::NotE164)
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Phone::parse(&text).map_err(|e| serde::de::Error::custom(format!("phone_invalid: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_mainland_and_e164() {
        for (given, e164) in [
            ("13800138000", "+8613800138000"),
            ("+86 138-0013-8000", "+8613800138000"),
            ("15400000011", "+8615400000011"),
            ("+85251234567", "+85251234567"),
        ] {
            assert_eq!(Phone::parse(given).map(|p| p.reveal().to_owned()), Ok(e164.to_owned()), "{given}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for given in [
            "",
            "12345",
            "12800138000",
            "1380013800",
            "138001380000",
            "+8612345678901",
            "+1234",
            "１３８００１３８０００",
            "+999999999999",
        ] {
            assert!(Phone::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn never_prints_itself() {
        let phone = Phone::parse("13800138000").expect("parses");
        assert_eq!(format!("{phone} {phone:?}"), "138****8000 138****8000");
        assert_eq!(Phone::parse("+85251234567").expect("parses").masked(), "+852****4567");
        assert_eq!(phone.block(), "+861380013");
    }
}
