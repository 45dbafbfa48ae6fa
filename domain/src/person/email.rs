//! A work e-mail address that cannot be printed by accident. Only staff have one here; of citizens a number is all we know.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Longest address, of RFC 5321.
const MAX: usize = 254;
const MAX_LOCAL: usize = 64;

/// An e-mail address. `Debug` and `Display` show its mask (`z***@example.cn`); the address itself is only to be had by name,
/// through [`Email::reveal`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is name@host, in ASCII, without spaces and quotes")]
pub struct EmailError;

impl Email {
    /// Accepts the dot-atoms of RFC 5321 and a host name of at least two labels, which is lower-cased. Quoted names, comments
    /// and address literals are refused: nobody has them, and they smuggle line ends into headers.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let (local, host) = text.trim().rsplit_once('@').ok_or(EmailError)?;
        let fits = is_dot_atom(local) && is_host(host) && local.len() + host.len() < MAX;
        fits.then(|| Self(format!("{local}@{}", host.to_ascii_lowercase()))).ok_or(EmailError)
    }

    /// The address in clear. Only sealing and the gateways may call this.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What a screen may show: the first letter and the host.
    pub fn masked(&self) -> String {
        let host = self.0.rsplit_once('@').map_or("", |(_, host)| host);
        format!("{}***@{host}", &self.0[..1])
    }
}

fn is_dot_atom(local: &str) -> bool {
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    local.len() <= MAX_LOCAL && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.contains('.') && host.split('.').all(label)
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|e| serde::de::Error::custom(format!("email_invalid: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_people_have() {
        for (given, kept) in [
            ("zhang.san@example.cn", "zhang.san@example.cn"),
            (" z+1@CDC.Example.GOV.cn ", "z+1@cdc.example.gov.cn"),
            ("Z@x-y.cn", "Z@x-y.cn"),
        ] {
            assert_eq!(Email::parse(given).map(|e| e.reveal().to_owned()), Ok(kept.to_owned()), "{given}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        let long = format!("{}@example.cn", "a".repeat(65));
        for given in [
            "",
            "@example.cn",
            "a@",
            "a@localhost",
            "a@@example.cn",
            ".a@example.cn",
            "a..b@example.cn",
            "a b@example.cn",
            "\"a\"@example.cn",
            "a@[127.0.0.1]",
            "a@-x.cn",
            "a@example.cn\r\nBcc: b@example.cn",
            "张@example.cn",
            &long,
        ] {
            assert!(Email::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn never_prints_itself() {
        let email = Email::parse("zhang.san@example.cn").expect("parses");
        assert_eq!(format!("{email} {email:?}"), "z***@example.cn z***@example.cn");
    }
}
