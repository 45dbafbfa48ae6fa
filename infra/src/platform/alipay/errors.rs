//! Alipay's `code` and `sub_code`, by what we do about them (opendocs.alipay.com, "common error codes").

use serde::Deserialize;

use crate::platform::Failure;

/// What every answer may say. Its texts (`msg`, `sub_msg`) are not even read.
#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    pub(super) code: Option<String>,
    /// The content of a button writes it the other way.
    #[serde(alias = "subCode")]
    sub_code: Option<String>,
}

impl Verdict {
    /// 10000, or no code at all (`alipay.system.oauth.token`).
    pub(super) fn is_good(&self) -> bool {
        self.code.as_deref().is_none_or(|code| code == "10000")
    }

    /// What a code other than 10000 means.
    pub(super) fn failure(&self) -> Failure {
        let code = word(self.code.as_deref());
        let sub = word(self.sub_code.as_deref());
        let both = if sub.is_empty() { code.clone() } else { format!("{code} {sub}") };
        let settings = |setting| Failure::Settings { setting, code: both.clone() };
        match (code.as_str(), sub.as_str()) {
            ("20000", _) => Failure::Busy(both),
            (_, "isv.code-invalid" | "isv.invalid-auth-relations") => Failure::Code(both),
            (_, "isv.invalid-signature" | "isv.missing-signature" | "isv.missing-signature-key") => {
                settings("alipay.private_key")
            }
            (_, "isv.invalid-app-id" | "isv.missing-app-id") => settings("alipay.app_id"),
            (_, "isv.app-call-limited" | "isv.access-limited") => Failure::TooOften(both),
            ("20001", _) => settings("the authorisation of the mini-program in Alipay's console"),
            ("40001", _) => settings("alipay"),
            ("40003" | "40006", _) => settings("the permissions of the mini-program in Alipay's console"),
            _ => Failure::Refused(both),
        }
    }
}

/// A code as it may stand in a log: letters, digits, dots and dashes.
fn word(code: Option<&str>) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    code.unwrap_or_default().chars().filter(plain).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_documentation_says() {
        let word = |code: &str, sub: &str| {
            let verdict = Verdict { code: Some(code.into()), sub_code: Some(sub.into()) };
            match verdict.failure() {
                Failure::Code(_) => "code",
                Failure::TooOften(_) => "too_often",
                Failure::Busy(_) => "busy",
                Failure::Settings { setting, .. } => setting,
                Failure::Refused(_) => "refused",
                Failure::Blocked | Failure::NotSent | Failure::Lost(_) | Failure::Overloaded => "never",
            }
        };
        for (code, sub, expected) in [
            ("20000", "isp.unknow-error", "busy"),
            ("20000", "aop.unknow-error", "busy"),
            ("40002", "isv.code-invalid", "code"),
            ("40003", "isv.invalid-auth-relations", "code"),
            ("40002", "isv.invalid-signature", "alipay.private_key"),
            ("40002", "isv.invalid-app-id", "alipay.app_id"),
            ("40001", "isv.missing-method", "alipay"),
            ("20001", "aop.invalid-auth-token", "the authorisation of the mini-program in Alipay's console"),
            (
                "40006",
                "isv.insufficient-isv-permissions",
                "the permissions of the mini-program in Alipay's console",
            ),
            ("40004", "ACQ.WHATEVER", "refused"),
        ] {
            assert_eq!(word(code, sub), expected, "{code} {sub}");
        }
    }

    #[test]
    fn a_code_in_a_log_is_a_word() {
        let verdict = Verdict { code: Some("40004".into()), sub_code: Some("a b\n13800138000 号".into()) };
        assert_eq!(verdict.failure(), Failure::Refused("40004 ab13800138000".into()));
    }
}
