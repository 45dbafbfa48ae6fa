//! The words of a poster, in two languages side by side so that they stay the same message.

use mashang_domain::venue::Direction;

use super::Poster;
use super::choice::Language;
use super::picture::Scanner;

/// The same thing said twice.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    pub zh: &'static str,
    pub en: &'static str,
}

pub(crate) const fn said(zh: &'static str, en: &'static str) -> Said {
    Said { zh, en }
}

/// The one word that is read from across the street.
pub(crate) const fn badge(direction: Direction) -> Said {
    match direction {
        Direction::In => said("进", "IN"),
        Direction::Out => said("出", "OUT"),
    }
}

pub(crate) const fn headline(direction: Direction) -> Said {
    match direction {
        Direction::In => said("入场扫码", "Check in"),
        Direction::Out => said("离场扫码", "Check out"),
    }
}

/// What to do, in the order in which it happens.
pub(crate) const fn steps(direction: Direction, scanner: Option<Scanner>) -> [Said; 4] {
    let scan = match scanner {
        None => said("微信、支付宝或相机扫码", "Scan with WeChat, Alipay or your camera"),
        Some(Scanner::Wechat) => said("打开微信扫一扫", "Scan with WeChat"),
        Some(Scanner::Alipay) => said("打开支付宝扫一扫", "Scan with Alipay"),
    };
    let first_time = said("首次凭短信验证码登录", "First time: sign in with an SMS code");
    let only_phone = said("无需填表 只记手机号", "Only your phone number is recorded");
    let last = match direction {
        Direction::In => said("离开时请再扫“出”码", "Scan the OUT code when you leave"),
        Direction::Out => said("看到离场成功的提示即可离开", "Leave when you see the confirmation"),
    };
    [scan, first_time, only_phone, last]
}

pub(crate) const CANNOT_SCAN: Said =
    said("扫不出？在小程序里输入此码", "Cannot scan? Type this code in the mini-program");
pub(crate) const CANNOT_SCAN_SHORT: Said = said("扫不出？在小程序里输入此码", "Cannot scan? Type this code");
pub(crate) const HOTLINE: Said = said("咨询热线", "Hotline");
pub(crate) const ZONE: Said = said("区域", "Zone");
pub(crate) const PRIVACY: Said = said(
    "本码仅用于疫情防控，个人信息依法保护、到期删除。",
    "For epidemic prevention only. Personal data are protected by law and deleted on time.",
);
pub(crate) const PRIVACY_SHORT: Said = said("本码仅用于疫情防控", "For epidemic prevention only");

impl Said {
    /// Both languages on one line, or the one that is wanted.
    pub fn inline(&self, language: Language) -> String {
        match language {
            Language::Zh => self.zh.to_owned(),
            Language::En => self.en.to_owned(),
            Language::Both => format!("{} {}", self.zh, self.en),
        }
    }

    /// The language that leads.
    pub(crate) const fn first(&self, language: Language) -> &'static str {
        if language.has_zh() { self.zh } else { self.en }
    }

    /// The one that follows, if both are wanted.
    pub(crate) const fn second(&self, language: Language) -> Option<&'static str> {
        match language {
            Language::Both => Some(self.en),
            Language::Zh | Language::En => None,
        }
    }
}

/// The kind of place: "超市 Supermarket".
pub(crate) fn category(poster: &Poster<'_>, language: Language) -> String {
    let mut letters = poster.category_en.chars();
    let en: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    match language {
        Language::Zh => poster.category_zh.to_owned(),
        Language::En => en,
        Language::Both => format!("{} {en}", poster.category_zh),
    }
}

/// Version and day of printing.
pub(crate) fn edition(poster: &Poster<'_>, language: Language) -> String {
    let (version, day) = (poster.version, poster.printed_on);
    match language {
        Language::Zh => format!("第 {version} 版 · 打印于 {day}"),
        Language::En => format!("Version {version} · Printed {day}"),
        Language::Both => format!("第 {version} 版 Version {version} · 打印 Printed {day}"),
    }
}

/// The short code in groups of five: easy to read out and to type.
pub(crate) fn grouped(code: &str) -> String {
    let chars: Vec<char> = code.chars().collect();
    chars.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_printed_in_groups_of_five() {
        assert_eq!(grouped("0123456789ABCDEFGHJK"), "01234-56789-ABCDE-FGHJK");
        assert_eq!(grouped("0123456"), "01234-56");
    }
}
