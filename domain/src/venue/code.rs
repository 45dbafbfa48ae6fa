//! The code on a poster: 20 characters of Crockford base32 that cannot be guessed or forged.
//!
//! ```text
//! 1 character   kind and key version (0-15 printed code, 16-31 code of a screen that changes every minute)
//! 9 characters  number of the code, 45 random bits; what it belongs to stands in the database
//! 10 characters check part, 50 bits of HMAC-SHA-256 over the first ten characters (and the minute of a screen code)
//! ```
//!
//! A wrong check part is refused before the database is asked. The token fits WeChat's `scene` (32 characters) and can
//! be typed by hand: case does not matter, `O` reads as 0, `I` and `L` as 1, hyphens and spaces are dropped.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::time::{MINUTE, Timestamp};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NUMBER_CHARS: usize = 9;
const TAG_CHARS: usize = 10;
/// Length of a token.
pub const TOKEN_CHARS: usize = 1 + NUMBER_CHARS + TAG_CHARS;
/// Numbers lie below this.
pub const NUMBERS: i64 = 1 << 45;
const SCREEN: u8 = 16;
/// Minutes for which a screen code that is over is told from a forged one. Each costs a keyed hash per forged code, and
/// whoever guesses sends a hundred of them in one request.
const RECENTLY: i64 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("this is no venue code")]
    Malformed,
    #[error("the check part of the code is wrong")]
    Forged,
    #[error("this code was shown on a screen and is over")]
    ScreenCodeOver,
}

/// A token that was read, and not verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    pub key_version: u8,
    pub screen: bool,
    head: [u8; 1 + NUMBER_CHARS],
    tag: [u8; TAG_CHARS],
}

/// The token of a printed code. `number` lies below [`NUMBERS`], `key_version` below 16.
pub fn printed(number: i64, key_version: u8, key: &[u8; 32]) -> String {
    build(number, key_version & 15, key, None)
}

/// The token that a screen shows during the minute of `now`.
pub fn on_screen(number: i64, key_version: u8, key: &[u8; 32], now: Timestamp) -> String {
    build(number, (key_version & 15) | SCREEN, key, Some(minute(now)))
}

/// Reads a token: shape only.
pub fn parse(text: &str) -> Result<Parsed, CodeError> {
    let mut chars = [0u8; TOKEN_CHARS];
    let mut n = 0;
    for c in text.trim().bytes().filter(|c| !matches!(c, b'-' | b' ')) {
        let slot = chars.get_mut(n).ok_or(CodeError::Malformed)?;
        *slot = normal(c).ok_or(CodeError::Malformed)?;
        n += 1;
    }
    if n != TOKEN_CHARS {
        return Err(CodeError::Malformed);
    }
    let kind = value(chars[0]).ok_or(CodeError::Malformed)?;
    let mut head = [0; 1 + NUMBER_CHARS];
    let mut tag = [0; TAG_CHARS];
    head.copy_from_slice(&chars[..1 + NUMBER_CHARS]);
    tag.copy_from_slice(&chars[1 + NUMBER_CHARS..]);
    Ok(Parsed { key_version: kind & 15, screen: kind & SCREEN != 0, head, tag })
}

impl Parsed {
    /// The number, once the check part is right. A screen code holds during its minute and `grace_minutes` after it.
    pub fn verify(&self, key: &[u8; 32], at: Timestamp, grace_minutes: i64) -> Result<i64, CodeError> {
        if !self.screen {
            return if self.matches(key, None) { Ok(self.number()) } else { Err(CodeError::Forged) };
        }
        let now = minute(at);
        // A clock that runs a minute ahead of ours is forgiven too.
        if (now - grace_minutes..=now + 1).any(|m| self.matches(key, Some(m))) {
            return Ok(self.number());
        }
        let recently = (now - RECENTLY..now).any(|m| self.matches(key, Some(m)));
        Err(if recently { CodeError::ScreenCodeOver } else { CodeError::Forged })
    }

    fn matches(&self, key: &[u8; 32], minute: Option<i64>) -> bool {
        bool::from(tag_of(&self.head, key, minute).ct_eq(&self.tag))
    }

    fn number(&self) -> i64 {
        self.head[1..].iter().fold(0, |n, c| (n << 5) | i64::from(value(*c).unwrap_or(0)))
    }
}

/// The code in groups of five, as it is printed for typing.
pub fn grouped(token: &str) -> String {
    let chars: Vec<char> = token.chars().collect();
    chars.chunks(5).map(|g| g.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

fn minute(t: Timestamp) -> i64 {
    t.millis().div_euclid(MINUTE)
}

fn build(number: i64, kind: u8, key: &[u8; 32], minute: Option<i64>) -> String {
    let mut head = [ALPHABET[usize::from(kind & 31)]; 1 + NUMBER_CHARS];
    for (i, slot) in head[1..].iter_mut().enumerate() {
        let shift = 5 * (NUMBER_CHARS - 1 - i);
        *slot = ALPHABET[usize::try_from((number >> shift) & 31).unwrap_or(0)];
    }
    let tag = tag_of(&head, key, minute);
    head.iter().chain(&tag).map(|c| char::from(*c)).collect()
}

fn tag_of(head: &[u8], key: &[u8; 32], minute: Option<i64>) -> [u8; TAG_CHARS] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(head);
    if let Some(m) = minute {
        mac.update(&m.to_be_bytes());
    }
    let bytes = mac.finalize().into_bytes();
    let bits = bytes[..8].iter().fold(0u64, |n, b| (n << 8) | u64::from(*b));
    let mut tag = [0; TAG_CHARS];
    for (i, slot) in tag.iter_mut().enumerate() {
        *slot = ALPHABET[usize::try_from((bits >> (59 - 5 * i)) & 31).unwrap_or(0)];
    }
    tag
}

fn normal(c: u8) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    value(c).map(|_| c)
}

fn value(c: u8) -> Option<u8> {
    ALPHABET.iter().position(|a| *a == c).and_then(|p| u8::try_from(p).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Timestamp = Timestamp(1_581_480_000_000);

    #[test]
    fn people_may_type_it_their_way() {
        let token = printed(123_456_789, 1, &KEY);
        assert_eq!(token.len(), 20);
        for typed in [
            token.to_lowercase(),
            grouped(&token),
            format!("  {token} "),
            token.replace('0', "o").replace('1', "l"),
        ] {
            assert_eq!(parse(&typed).and_then(|p| p.verify(&KEY, NOW, 1)), Ok(123_456_789), "{typed}");
        }
        for bad in ["", "x", &token[..19], &format!("{token}0"), "U".repeat(20).as_str(), "进进进进进进"]
        {
            assert_eq!(parse(bad), Err(CodeError::Malformed), "{bad}");
        }
    }

    #[test]
    fn a_screen_code_is_over_after_its_minute() {
        let parsed = parse(&on_screen(5, 1, &KEY, NOW)).expect("parses");
        assert_eq!(parsed.verify(&KEY, NOW, 1), Ok(5));
        assert_eq!(parsed.verify(&KEY, NOW + 2 * MINUTE - 1, 1), Ok(5));
        assert_eq!(parsed.verify(&KEY, NOW + 2 * MINUTE, 1), Err(CodeError::ScreenCodeOver));
        assert_eq!(parsed.verify(&[8; 32], NOW, 1), Err(CodeError::Forged));
    }

    /// A guess of the right shape: printed codes, or those of screens.
    fn guess(seed: &mut u64, screen: bool) -> String {
        let mut letter = |below: u64, from: u64| {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            char::from(ALPHABET[usize::try_from(from + *seed % below).unwrap_or(0)])
        };
        let kind = letter(16, if screen { 16 } else { 0 });
        std::iter::once(kind).chain((1..TOKEN_CHARS).map(|_| letter(32, 0))).collect()
    }

    #[test]
    fn a_million_guesses_hit_nothing() {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        for (screen, guesses) in [(false, 1_000_000), (true, 5_000)] {
            for _ in 0..guesses {
                let token = guess(&mut seed, screen);
                let verified = parse(&token).and_then(|p| p.verify(&KEY, NOW, 1));
                assert_eq!(verified, Err(CodeError::Forged), "{token}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let token = printed(123_456_789, 1, &KEY);
        let right = |text: &str| parse(text).and_then(|p| p.verify(&KEY, NOW, 1)).is_ok();
        assert!(right(&token));
        for (at, bit) in (0..TOKEN_CHARS).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            // Bytes that are no text never come so far. What people may type for a character is that character.
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let same = text.bytes().map(normal).eq(token.bytes().map(normal));
            assert_eq!(right(&text), same, "{text}");
        }
        for length in 0..TOKEN_CHARS {
            assert!(!right(&token[..length]) && !right(&token[TOKEN_CHARS - length..]), "{length}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(number in 0..NUMBERS, version in 0u8..16) {
            let token = printed(number, version, &KEY);
            let parsed = parse(&token).expect("parses");
            prop_assert_eq!(parsed.key_version, version);
            prop_assert_eq!(parsed.verify(&KEY, NOW, 1), Ok(number));
        }

        #[test]
        fn any_changed_character_is_refused(number in 0..NUMBERS, at in 0usize..20, by in 1u8..32) {
            let mut token: Vec<u8> = printed(number, 1, &KEY).into_bytes();
            token[at] = ALPHABET[usize::from((value(token[at]).expect("ours") + by) % 32)];
            let token = String::from_utf8(token).expect("ascii");
            prop_assert!(parse(&token).and_then(|p| p.verify(&KEY, NOW, 1)).is_err());
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = parse(&text).map(|p| p.verify(&KEY, NOW, 1));
        }
    }
}
