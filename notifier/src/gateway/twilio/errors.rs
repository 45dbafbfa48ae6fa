//! Twilio's error codes (twilio.com/docs/api/errors), by what the dispatcher does about them; the classes are our reading.

use mashang_domain::delivery::{ErrorClass, Outcome};

/// What an error says. A request that was answered 429 was not processed, says the provider.
pub(super) fn outcome(code: u32, status: u16, retry_after_ms: Option<i64>) -> Outcome {
    match class(code, status) {
        Some(class) => Outcome::Rejected { class, code: code.to_string(), retry_after_ms },
        None => Outcome::unknown(code.to_string()),
    }
}

/// `None`: taken or not, nobody knows. The status decides about codes that no list names.
fn class(code: u32, status: u16) -> Option<ErrorClass> {
    Some(match code {
        // Not a number, not one of a mobile, cannot be reached by text, has opted out; by receipt: off, blocked, unknown.
        21211 | 21217 | 21610 | 21612 | 21614 | 13223 | 13224 | 30003..=30006 => ErrorClass::NumberInvalid,
        // Too many requests; the queue of the sender is full.
        20429 | 21611 => ErrorClass::Throttled,
        // Not active, suspended, out of money; the day's quota of the account, which no slower rate mends.
        20005 | 10001 | 90010 | 30002 | 63038 => ErrorClass::Account,
        20500 => return None,
        _ => return unlisted(status),
    })
}

/// Keys, senders, regions, texts and parameters are the rest of the list.
fn unlisted(status: u16) -> Option<ErrorClass> {
    match status {
        408 => None,
        429 => Some(ErrorClass::Throttled),
        400..=499 => Some(ErrorClass::Configuration),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_classes() {
        use ErrorClass::*;
        for (code, status, expected) in [
            (21211, 400, Some(NumberInvalid)),
            (21217, 400, Some(NumberInvalid)),
            (21614, 400, Some(NumberInvalid)),
            (21610, 400, Some(NumberInvalid)),
            (20429, 429, Some(Throttled)),
            (21611, 429, Some(Throttled)),
            (63038, 429, Some(Account)),
            (20005, 401, Some(Account)),
            (10001, 400, Some(Account)),
            (20003, 401, Some(Configuration)),
            (21408, 400, Some(Configuration)),
            (21215, 400, Some(Configuration)),
            (21603, 400, Some(Configuration)),
            (21617, 400, Some(Configuration)),
            (20404, 404, Some(Configuration)),
            (20500, 500, None),
            (99999, 408, None),
            (99999, 429, Some(Throttled)),
            (99999, 503, None),
        ] {
            assert_eq!(class(code, status), expected, "{code} {status}");
        }
    }
}
