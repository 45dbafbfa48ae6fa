//! What a platform calls a person: an id of theirs that leads from the platform's account to ours.

use std::fmt;

crate::macros::words! {
    /// The platforms whose mini-programs people sign in with.
    Platform {
        Wechat = "wechat",
        Alipay = "alipay",
    }
}

crate::macros::words! {
    /// What a person said when a mini-program asked whether it may write to them.
    Consent {
        Accepted = "accepted",
        /// Refused, or taken back.
        Refused = "refused",
    }
}

/// The id of a person at a platform, within one of our mini-programs there (WeChat: `openid`; Alipay: `open_id` or
/// `user_id`). It never leaves the server: `Debug` and `Display` show nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OpenId(String);

/// Longest id; the platforms' have 16 to 64 characters.
const MAX: usize = 128;

impl OpenId {
    /// 1 to 128 letters, digits, `-`, `_`, `=`, `+` and `/`.
    pub fn parse(text: &str) -> Option<Self> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"-_=+/".contains(&b);
        let fits = (1..=MAX).contains(&text.len()) && text.bytes().all(letter);
        fits.then(|| Self(text.to_owned()))
    }

    /// The id in clear. Only sealing, hashing and the calls of the platform may ask for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("openid:***")
    }
}

impl fmt::Display for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_plain_and_never_shown() {
        let id = OpenId::parse("oGZUI0egBJY1zhBYw2KhdUfwVJJE").expect("parses");
        assert_eq!(format!("{id} {id:?}"), "openid:*** openid:***");
        assert_eq!(id.reveal(), "oGZUI0egBJY1zhBYw2KhdUfwVJJE");
        for bad in ["", "a b", "号", "a\n", &"x".repeat(129)] {
            assert_eq!(OpenId::parse(bad), None, "{bad}");
        }
    }
}
