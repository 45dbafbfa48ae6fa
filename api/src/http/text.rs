//! What a client hands on from somebody else: codes, tokens, signatures. Short, and printable ASCII without spaces.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// A text of 1 to `N` characters. `Debug` shows nothing of it: it may sign somebody in.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const N: usize>(String);

impl<const N: usize> Text<N> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let fits = (1..=N).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let wanted = || serde::de::Error::custom(format!("1 to {N} printable ASCII characters are wanted"));
        fits.then(|| Self(text.into_owned())).ok_or_else(wanted)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_short_and_plain() {
        let parse = |json: &str| serde_json::from_str::<Text<4>>(json).ok();
        assert_eq!(parse("\"a+/=\"").map(|t| t.as_str().to_owned()).as_deref(), Some("a+/="));
        assert_eq!(format!("{:?}", parse("\"abcd\"").expect("fits")), "Text(***)");
        for json in ["\"\"", "\"abcde\"", "\"a b\"", "\"码\"", "\"a\\n\"", "7", "null"] {
            assert_eq!(parse(json), None, "{json}");
        }
    }
}
