//! What a gate's device is told, in the numbers that devices of the field know, and what it says aloud.
//!
//! The list of numbers is that of recorders of health codes ([`DeviceStatus::number`]); two other lists that are in use map
//! onto it ([`DeviceStatus::colour_number`], [`DeviceStatus::normality`]).

use super::{Colour, HealthState, Reason, Temperature};

/// Below this a thermometer at a gate has missed the person, in tenths of a degree.
const TOO_LOW: Temperature = Temperature(350);

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceStatus {
    Green,
    Yellow,
    Red,
    /// The code, or the declaration behind it.
    Expired,
    /// Nobody has declared themselves so.
    Missing,
    /// The code is none of ours, or the number none at all.
    Failed,
    /// There was no answer in time; nothing is known.
    TimedOut,
}

impl DeviceStatus {
    pub fn of(state: &HealthState) -> Self {
        match state.colour {
            Colour::Green => Self::Green,
            Colour::Yellow => Self::Yellow,
            Colour::Red => Self::Red,
            Colour::Grey if state.reason == Reason::Expired.as_str() => Self::Expired,
            Colour::Grey => Self::Missing,
        }
    }

    /// 1 green, 2 yellow, 3 red, 4 expired, 5 does not exist, 6 verification failed, 7 verification timed out.
    pub const fn number(self) -> u8 {
        match self {
            Self::Green => 1,
            Self::Yellow => 2,
            Self::Red => 3,
            Self::Expired => 4,
            Self::Missing => 5,
            Self::Failed => 6,
            Self::TimedOut => 7,
        }
    }

    /// As cameras have it: 0 unknown, 1 red, 2 green, 3 yellow, 4 invalid.
    pub const fn colour_number(self) -> u8 {
        match self {
            Self::Missing | Self::TimedOut => 0,
            Self::Red => 1,
            Self::Green => 2,
            Self::Yellow => 3,
            Self::Expired | Self::Failed => 4,
        }
    }

    /// As door panels have it: 0 normal, 1 abnormal, 2 unknown or not filled in.
    pub const fn normality(self) -> u8 {
        match self {
            Self::Green => 0,
            Self::Yellow | Self::Red => 1,
            Self::Expired | Self::Missing | Self::Failed | Self::TimedOut => 2,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Green => "绿码，请通行",
            Self::Yellow => "黄码，请配合工作人员",
            Self::Red => "红码，禁止通行",
            Self::Expired => "健康码已过期，请刷新或重新申报",
            Self::Missing => "未查到健康码，请先申报",
            Self::Failed => "核验失败，请重新出示",
            Self::TimedOut => "核验超时，请稍后再试",
        }
    }

    /// What the device says aloud. It names nobody.
    pub fn speech(self, reading: Reading) -> String {
        match reading {
            Reading::Fever(_) => format!("体温异常，请勿通行，{}", self.words()),
            Reading::TooLow => format!("{}，体温读数过低，请重测", self.words()),
            Reading::None | Reading::Normal(_) => self.words().to_owned(),
        }
    }
}

/// What a device has measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It cannot measure, or did not.
    None,
    TooLow,
    Normal(Temperature),
    Fever(Temperature),
}

impl Reading {
    /// From the text of a device, in degrees Celsius: `36.5`, `0` for not measured. None for what is no temperature.
    pub fn parse(text: &str, fever: Temperature) -> Option<Self> {
        let plain = text.len() <= 8 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let degrees: f64 = text.parse().ok().filter(|_| plain)?;
        if degrees == 0.0 {
            return Some(Self::None);
        }
        if degrees < TOO_LOW.celsius() {
            return Some(Self::TooLow);
        }
        let measured = Temperature::from_celsius(degrees)?;
        Some(if measured >= fever { Self::Fever(measured) } else { Self::Normal(measured) })
    }

    /// What counts as measured.
    pub const fn measured(self) -> Option<Temperature> {
        match self {
            Self::Normal(measured) | Self::Fever(measured) => Some(measured),
            Self::None | Self::TooLow => None,
        }
    }

    /// As door panels have it: 0 normal, 1 fever, 2 too low; none where nothing was measured.
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Normal(_) => Some(0),
            Self::Fever(_) => Some(1),
            Self::TooLow => Some(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_devices() {
        let fever = Temperature(373);
        for (text, expected) in [
            ("0", Some(Reading::None)),
            ("0.0", Some(Reading::None)),
            ("28.5", Some(Reading::TooLow)),
            ("34.9", Some(Reading::TooLow)),
            ("35", Some(Reading::Normal(Temperature(350)))),
            ("37.2", Some(Reading::Normal(Temperature(372)))),
            ("37.3", Some(Reading::Fever(Temperature(373)))),
            ("45.1", None),
            ("-1", None),
            ("1e9", None),
            ("NaN", None),
            ("", None),
            ("36,5", None),
        ] {
            assert_eq!(Reading::parse(text, fever), expected, "{text}");
        }
    }

    #[test]
    fn the_lists_of_the_field_agree() {
        use DeviceStatus::{Expired, Failed, Green, Missing, Red, TimedOut, Yellow};
        let all = [Green, Yellow, Red, Expired, Missing, Failed, TimedOut];
        let numbers = all.map(|s| (s.number(), s.colour_number(), s.normality()));
        let expected = [(1, 2, 0), (2, 3, 1), (3, 1, 1), (4, 4, 2), (5, 0, 2), (6, 4, 2), (7, 0, 2)];
        assert_eq!(numbers, expected);
        assert_eq!(Green.speech(Reading::None), "绿码，请通行");
        assert!(Yellow.speech(Reading::Fever(Temperature(380))).starts_with("体温异常，请勿通行"));
        assert!(Green.speech(Reading::TooLow).ends_with("请重测"));
    }
}
