//! `errcode` of a subscribe message, by what the dispatcher does about it.

use mashang_domain::delivery::{ErrorClass, Outcome};

/// What a code other than 0 says. WeChat answers by a code before it takes a message, so none is unknown.
pub(super) fn outcome(code: i64) -> Outcome {
    Outcome::rejected(class(code), code.to_string())
}

fn class(code: i64) -> ErrorClass {
    match code {
        // No such openid; the person refused, or the consent is used up.
        40003 | 43101 => ErrorClass::NumberInvalid,
        // Busy; a token that was not taken twice.
        -1 | 40001 | 40014 | 42001 => ErrorClass::Retry,
        45011 => ErrorClass::Throttled,
        // The day's quota; the right to write was taken away.
        45009 | 43107 => ErrorClass::Account,
        // Template (40037), format (47001), a field (47003), page (41030), and whatever is new.
        _ => ErrorClass::Configuration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_classes() {
        use ErrorClass::*;
        for (code, expected) in [
            (40003, NumberInvalid),
            (43101, NumberInvalid),
            (-1, Retry),
            (42001, Retry),
            (45011, Throttled),
            (45009, Account),
            (40037, Configuration),
            (47001, Configuration),
            (47003, Configuration),
            (41030, Configuration),
            (99999, Configuration),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }
}
