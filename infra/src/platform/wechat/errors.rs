//! WeChat's `errcode`, by what we do about it (developers.weixin.qq.com, "global error codes" and the pages of each call).

use crate::platform::Failure;

/// The access token is not good (any more): refreshed, and tried once more.
pub(super) const fn is_about_the_token(code: i64) -> bool {
    matches!(code, 40001 | 40014 | 42001)
}

/// What a code other than 0 means.
pub(super) fn failure(code: i64) -> Failure {
    let settings = |setting| Failure::Settings { setting, code: code.to_string() };
    match code {
        40029 | 40163 | 41008 => Failure::Code(code.to_string()),
        45009 | 45011 => Failure::TooOften(code.to_string()),
        40226 => Failure::Blocked,
        -1 => Failure::Busy(code.to_string()),
        40013 | 41002 => settings("wechat.app_id"),
        40001 | 40125 | 40243 | 41004 => settings("wechat.app_secret"),
        40164 => settings("the list of IP addresses in WeChat's console"),
        41030 => settings("wechat.page and wechat.version"),
        48001 => settings("the permissions of the mini-program in WeChat's console"),
        _ => Failure::Refused(code.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_documentation_says() {
        let word = |code| match failure(code) {
            Failure::Code(_) => "code",
            Failure::TooOften(_) => "too_often",
            Failure::Blocked => "blocked",
            Failure::Busy(_) => "busy",
            Failure::Settings { setting, .. } => setting,
            Failure::Refused(_) => "refused",
            Failure::NotSent | Failure::Lost(_) | Failure::Overloaded => "never",
        };
        for (code, expected) in [
            (40029, "code"),
            (40163, "code"),
            (45011, "too_often"),
            (40226, "blocked"),
            (-1, "busy"),
            (40013, "wechat.app_id"),
            (41004, "wechat.app_secret"),
            (40164, "the list of IP addresses in WeChat's console"),
            (41030, "wechat.page and wechat.version"),
            (40169, "refused"),
            (99999, "refused"),
        ] {
            assert_eq!(word(code), expected, "{code}");
        }
        assert!([40001, 40014, 42001].into_iter().all(is_about_the_token) && !is_about_the_token(40013));
    }
}
