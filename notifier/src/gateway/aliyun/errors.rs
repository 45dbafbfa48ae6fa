//! Alibaba Cloud's error codes, by what the dispatcher does about them.
//!
//! Codes: help.aliyun.com/document_detail/101346.html (SMS), help.aliyun.com/zh/vms/the-error-code-list (voice) and the
//! codes of the common gateway; the classes are our reading of them.

use mashang_domain::delivery::ErrorClass;

/// What a code other than `OK` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Certainly not taken.
    Refused(ErrorClass),
    /// Taken or not; nobody knows.
    Unknown,
}

/// Classes a code. `status` decides only about codes that no list names.
pub(super) fn verdict(code: &str, status: u16) -> Verdict {
    if code.starts_with("Throttling") {
        return Verdict::Refused(ErrorClass::Throttled);
    }
    match code {
        // A repeated nonce says that the first copy of the request has arrived.
        "SignatureNonceUsed" | "isp.SYSTEM_ERROR" | "isp.GATEWAY_ERROR" => Verdict::Unknown,
        "isp.RAM_PERMISSION_DENY" => Verdict::Refused(ErrorClass::Configuration),
        "isv.MOBILE_NUMBER_ILLEGAL" | "isv.COMPLAINT_REJECT" => Verdict::Refused(ErrorClass::NumberInvalid),
        "isv.BUSINESS_LIMIT_CONTROL" => Verdict::Refused(ErrorClass::FrequencyLimited),
        "isv.AMOUNT_NOT_ENOUGH"
        | "isv.OUT_OF_SERVICE"
        | "isv.ACCOUNT_ABNORMAL"
        | "isv.ACCOUNT_NOT_EXISTS"
        | "isv.DAY_LIMIT_CONTROL"
        | "isv.MONTH_LIMIT_CONTROL" => Verdict::Refused(ErrorClass::Account),
        _ => unlisted(code, status),
    }
}

/// Templates, signatures, parameters and keys are the rest of the lists: `isv.*`, and 4xx of the common gateway.
fn unlisted(code: &str, status: u16) -> Verdict {
    match status {
        _ if code.starts_with("isv.") => Verdict::Refused(ErrorClass::Configuration),
        _ if code.starts_with("isp.") => Verdict::Unknown,
        408 => Verdict::Unknown,
        429 => Verdict::Refused(ErrorClass::Throttled),
        400..=499 => Verdict::Refused(ErrorClass::Configuration),
        _ => Verdict::Unknown,
    }
}

/// Whether a refusal of a whole call may be due to one of its numbers, so that the others deserve a call of their own. The
/// per-person limit is among them: the account's own limits answer `Throttling.*`.
pub(super) fn blames_one_number(code: &str) -> bool {
    matches!(code, "isv.MOBILE_NUMBER_ILLEGAL" | "isv.BUSINESS_LIMIT_CONTROL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_classes() {
        use ErrorClass::*;
        for (code, status, expected) in [
            ("Throttling.User", 400, Verdict::Refused(Throttled)),
            ("Throttling", 503, Verdict::Refused(Throttled)),
            ("isv.BUSINESS_LIMIT_CONTROL", 200, Verdict::Refused(FrequencyLimited)),
            ("isv.MOBILE_NUMBER_ILLEGAL", 400, Verdict::Refused(NumberInvalid)),
            ("isv.OUT_OF_SERVICE", 200, Verdict::Refused(Account)),
            ("isv.DAY_LIMIT_CONTROL", 200, Verdict::Refused(Account)),
            ("isv.SMS_TEMPLATE_ILLEGAL", 200, Verdict::Refused(Configuration)),
            ("isv.TTS_TEMPLATE_ILLEGAL", 500, Verdict::Refused(Configuration)),
            ("isp.RAM_PERMISSION_DENY", 200, Verdict::Refused(Configuration)),
            ("SignatureDoesNotMatch", 400, Verdict::Refused(Configuration)),
            ("InvalidAccessKeyId.NotFound", 404, Verdict::Refused(Configuration)),
            ("InvalidTimeStamp.Expired", 400, Verdict::Refused(Configuration)),
            ("SignatureNonceUsed", 400, Verdict::Unknown),
            ("isp.SYSTEM_ERROR", 200, Verdict::Unknown),
            ("isp.GATEWAY_ERROR", 400, Verdict::Unknown),
            ("InternalError", 500, Verdict::Unknown),
            ("ServiceUnavailable", 503, Verdict::Unknown),
            ("SomethingNew", 200, Verdict::Unknown),
        ] {
            assert_eq!(verdict(code, status), expected, "{code} {status}");
        }
    }
}
