//! Tencent Cloud's error codes, by what the dispatcher does about them.
//!
//! Codes: cloud.tencent.com/document/api/382/55981 (SMS), /api/1128/51558 (voice), /api/382/38780 (common); the classes are
//! our reading of them. Business answers always come with status 200.

use mashang_domain::delivery::{ErrorClass, Outcome};

/// What a code other than `Ok` says.
pub(super) fn outcome(code: &str, retry_after_ms: Option<i64>) -> Outcome {
    match class(code) {
        Some(class) => Outcome::Rejected { class, code: code.to_owned(), retry_after_ms },
        None => Outcome::unknown(code),
    }
}

/// `None`: taken or not, nobody knows.
fn class(code: &str) -> Option<ErrorClass> {
    let family = code.split('.').next().unwrap_or_default();
    match code {
        "LimitExceeded.GlobalSmsSendingRateLimit" => Some(ErrorClass::Throttled),
        "LimitExceeded.DeliveryFrequencyLimit"
        | "LimitExceeded.PhoneNumberThirtySecondLimit"
        | "LimitExceeded.PhoneNumberOneHourLimit"
        | "LimitExceeded.PhoneNumberDailyLimit"
        | "LimitExceeded.PhoneNumberSameContentDailyLimit" => Some(ErrorClass::FrequencyLimited),
        "InvalidParameterValue.IncorrectPhoneNumber"
        | "InvalidParameterValue.CalledNumberVerifyFail"
        | "FailedOperation.PhoneNumberParseFail"
        | "FailedOperation.PhoneNumberInBlacklist" => Some(ErrorClass::NumberInvalid),
        "FailedOperation.InsufficientBalanceInSmsPackage"
        | "FailedOperation.InsufficientBalanceInVoicePackage"
        | "UnauthorizedOperation.ServiceSuspendDueToArrears" => Some(ErrorClass::Account),
        "FailedOperation.AccessUpstreamTimeout" => None,
        _ if family == "RequestLimitExceeded" => Some(ErrorClass::Throttled),
        // The daily limits of the application, domestic, international, of one country.
        _ if code.starts_with("LimitExceeded.App") && code.ends_with("DailyLimit") => {
            Some(ErrorClass::Account)
        }
        _ if is_refusal(family) => Some(ErrorClass::Configuration),
        _ => None,
    }
}

/// Families whose remaining codes speak of keys, templates, signatures and parameters. `InternalError` is not among them:
/// the message may be on its way.
fn is_refusal(family: &str) -> bool {
    matches!(
        family,
        "AuthFailure"
            | "FailedOperation"
            | "InvalidAction"
            | "InvalidParameter"
            | "InvalidParameterValue"
            | "LimitExceeded"
            | "MissingParameter"
            | "NoSuchVersion"
            | "ResourceNotFound"
            | "UnauthorizedOperation"
            | "UnknownParameter"
            | "UnsupportedOperation"
            | "UnsupportedRegion"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_classes() {
        use ErrorClass::*;
        for (code, expected) in [
            ("RequestLimitExceeded", Some(Throttled)),
            ("RequestLimitExceeded.UinLimitExceeded", Some(Throttled)),
            ("LimitExceeded.GlobalSmsSendingRateLimit", Some(Throttled)),
            ("LimitExceeded.DeliveryFrequencyLimit", Some(FrequencyLimited)),
            ("LimitExceeded.PhoneNumberDailyLimit", Some(FrequencyLimited)),
            ("InvalidParameterValue.IncorrectPhoneNumber", Some(NumberInvalid)),
            ("FailedOperation.PhoneNumberInBlacklist", Some(NumberInvalid)),
            ("InvalidParameterValue.CalledNumberVerifyFail", Some(NumberInvalid)),
            ("FailedOperation.InsufficientBalanceInVoicePackage", Some(Account)),
            ("LimitExceeded.AppMainlandChinaDailyLimit", Some(Account)),
            ("LimitExceeded.PhoneNumberCountLimit", Some(Configuration)),
            ("AuthFailure.SignatureExpire", Some(Configuration)),
            ("FailedOperation.TemplateIncorrectOrUnapproved", Some(Configuration)),
            ("UnauthorizedOperation.SdkAppIdIsDisabled", Some(Configuration)),
            ("InternalError.Timeout", None),
            ("InternalError", None),
            ("FailedOperation.AccessUpstreamTimeout", None),
            ("SomethingNew", None),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }
}
