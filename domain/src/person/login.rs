//! Login codes: how one is made, and when the next may be sent.
//!
//! A code is derived from the id of its request by a keyed hash, so that the process that sends it and the one that
//! checks it need not store or queue it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::time::{DAY, HOUR, MINUTE, Timestamp};

/// The six digits of a request. `key` is secret, `request` is random (UUIDv7 carries 74 random bits).
pub fn code_of(key: &[u8; 32], request: Uuid) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(b"login-code");
    mac.update(request.as_bytes());
    let bytes = mac.finalize().into_bytes();
    let number = bytes[..16].iter().fold(0u128, |n, b| (n << 8) | u128::from(*b));
    format!("{:06}", number % 1_000_000)
}

/// Whether `text` has the shape of a code.
pub fn is_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit())
}

/// How many sends each window allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendLimits {
    pub per_minute: i64,
    pub per_hour: i64,
    pub per_day: i64,
}

/// Milliseconds until a phone may be sent another code, `None` = now. `sends` are its sends of the last 24 hours.
/// Windows roll: they are at least as strict as the providers' clock windows.
pub fn wait_for_next(sends: &[Timestamp], limits: SendLimits, now: Timestamp) -> Option<i64> {
    [(MINUTE, limits.per_minute), (HOUR, limits.per_hour), (DAY, limits.per_day)]
        .into_iter()
        .filter_map(|(window, allowed)| wait_in_window(sends, window, allowed, now))
        .max()
}

/// Milliseconds until fewer than `allowed` sends lie in the last `window` milliseconds.
fn wait_in_window(sends: &[Timestamp], window: i64, allowed: i64, now: Timestamp) -> Option<i64> {
    let mut inside: Vec<Timestamp> = sends.iter().copied().filter(|t| *t > now - window).collect();
    inside.sort_unstable();
    let allowed = usize::try_from(allowed).unwrap_or(0);
    let excess = (inside.len() + 1).checked_sub(allowed.max(1)).filter(|n| *n > 0)?;
    let frees = inside.get(excess - 1).copied().unwrap_or(now);
    Some((frees + window - now).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    const LIMITS: SendLimits = SendLimits { per_minute: 1, per_hour: 5, per_day: 10 };

    #[test]
    fn codes_are_six_digits_and_differ_by_request_and_key() {
        let a = code_of(&[1; 32], Uuid::from_u128(1));
        assert!(is_code(&a));
        assert_eq!(a, code_of(&[1; 32], Uuid::from_u128(1)));
        assert_ne!(a, code_of(&[1; 32], Uuid::from_u128(2)));
        assert_ne!(a, code_of(&[2; 32], Uuid::from_u128(1)));
    }

    #[test]
    fn codes_spread_evenly() {
        let below: usize =
            (0..10_000).filter(|i| code_of(&[1; 32], Uuid::from_u128(*i)).as_str() < "500000").count();
        assert!((4_800..5_200).contains(&below), "{below}");
    }

    #[test]
    fn limits_hold_at_their_edges() {
        let now = Timestamp(100 * DAY);
        let ago = |list: &[i64]| -> Vec<Timestamp> { list.iter().map(|s| now - s * SECOND).collect() };
        assert_eq!(wait_for_next(&[], LIMITS, now), None);
        assert_eq!(wait_for_next(&ago(&[59]), LIMITS, now), Some(SECOND));
        assert_eq!(wait_for_next(&ago(&[60]), LIMITS, now), None);
        let five = ago(&[100, 200, 300, 400, 3599]);
        assert_eq!(wait_for_next(&five, LIMITS, now), Some(SECOND));
        let ten: Vec<Timestamp> = (1..=10).map(|i| now - i * 2 * HOUR).collect();
        assert_eq!(wait_for_next(&ten, LIMITS, now), Some(4 * HOUR));
    }
}
