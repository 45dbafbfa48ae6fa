//! Huawei Cloud's codes (support.huaweicloud.com/intl/en-us/api-msgsms/sms_05_0050.html), by what the dispatcher does about
//! them; the classes are our reading. Codes of a call are `E000..`, those beside a number `E200..`.

use mashang_domain::delivery::{ErrorClass, Outcome};

/// Everything was taken.
pub(super) const OK: &str = "000000";
/// Something was refused: see the status of each number.
pub(super) const SOME_REFUSED: &str = "E000510";

/// What a refusal of a whole call says.
pub(super) fn of_call(code: &str, status: u16, retry_after_ms: Option<i64>) -> Outcome {
    let class = match (code, status) {
        // "The system is abnormal."
        ("E000000", _) => return Outcome::unknown(code),
        ("E000112", _) => ErrorClass::Account,
        (_, 429) => ErrorClass::Throttled,
        (_, 408 | 500..) => return Outcome::unknown(code),
        // Keys, clock, addresses, parameters, the application.
        _ => ErrorClass::Configuration,
    };
    Outcome::Rejected { class, code: code.to_owned(), retry_after_ms }
}

/// What the status beside a number says, other than [`OK`].
pub(super) fn of_number(code: &str) -> Outcome {
    let class = match code {
        "E000000" => return Outcome::unknown(code),
        "E000112" => ErrorClass::Account,
        "E200014" | "E200022" => ErrorClass::NumberInvalid,
        // Too many to this number, or the same text again.
        "E200023" | "E200037" | "E200041" => ErrorClass::FrequencyLimited,
        // Variables, template, signature, application. A code that no list names is among them: somebody has to look.
        _ => ErrorClass::Configuration,
    };
    Outcome::rejected(class, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_classes() {
        use ErrorClass::*;
        for (code, status, expected) in [
            ("E000503", 400, Some(Configuration)),
            ("E000109", 401, Some(Configuration)),
            ("E000110", 401, Some(Configuration)),
            ("E000111", 401, Some(Configuration)),
            ("E000620", 403, Some(Configuration)),
            ("E000112", 400, Some(Account)),
            ("APIGW.0308", 429, Some(Throttled)),
            ("E000000", 400, None),
            ("Whatever", 503, None),
        ] {
            let outcome = of_call(code, status, None);
            let expected = expected.map_or(Outcome::unknown(code), |class| Outcome::rejected(class, code));
            assert_eq!(outcome, expected, "{code} {status}");
        }
        for (code, class) in [
            ("E200014", NumberInvalid),
            ("E200022", NumberInvalid),
            ("E200037", FrequencyLimited),
            ("E200041", FrequencyLimited),
            ("E200028", Configuration),
            ("E299999", Configuration),
        ] {
            assert_eq!(of_number(code), Outcome::rejected(class, code), "{code}");
        }
        assert_eq!(of_number("E000000"), Outcome::unknown("E000000"));
    }
}
