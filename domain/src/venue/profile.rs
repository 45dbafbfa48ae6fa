//! What people write about a venue, parsed at the edge and trusted inside.
//!
//! Names go onto posters and into files, so they hold no control characters and nothing that turns the direction of
//! writing; the space around them is dropped.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::person::role::check_division_code;

/// Why a field of a venue was refused. `code` is the stable word of import reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    #[error("1 to {0} characters, no control characters")]
    Text(usize),
    #[error("a division code has 6, 9 or 12 digits (GB/T 2260)")]
    Division,
    #[error("lat (-90 to 90) and lon (-180 to 180) come together")]
    Position,
}

/// Declares a text with a largest length in characters.
macro_rules! texts {
    ($($(#[$meta:meta])* $name:ident <= $max:literal;)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub const MAX_CHARS: usize = $max;

            /// # Errors
            /// [`ProfileError::Text`] when it is empty, too long, or holds control characters.
            pub fn parse(text: &str) -> Result<Self, ProfileError> {
                plain(text, $max).map(Self)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )+};
}

texts! {
    /// The name of a venue as people know it.
    VenueName <= 100;
    /// The name of a part of a large venue: "一层东门".
    ZoneName <= 50;
    /// Where it is, in words.
    Address <= 200;
    /// What another system calls the venue.
    ExternalRef <= 100;
    /// Why an official decided so.
    Reason <= 200;
}

fn plain(text: &str, max: usize) -> Result<String, ProfileError> {
    let text = text.trim();
    let turns_writing =
        |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let unfit =
        |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}') || turns_writing(c);
    let fits = (1..=max).contains(&text.chars().count()) && !text.contains(unfit);
    if fits { Ok(text.to_owned()) } else { Err(ProfileError::Text(max)) }
}

/// The full code of the division a venue lies in: 6, 9 or 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct DivisionCode(String);

impl DivisionCode {
    /// # Errors
    /// [`ProfileError::Division`] for anything but 6, 9 or 12 digits.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let text = text.trim();
        check_division_code(text).map(|()| Self(text.to_owned())).map_err(|_| ProfileError::Division)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for DivisionCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Latitude and longitude in degrees (WGS 84).
pub type Position = (f64, f64);

/// Both or none, and on the globe.
///
/// # Errors
/// [`ProfileError::Position`] otherwise.
pub fn position(lat: Option<f64>, lon: Option<f64>) -> Result<Option<Position>, ProfileError> {
    match (lat, lon) {
        (None, None) => Ok(None),
        (Some(lat), Some(lon)) if (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) => {
            Ok(Some((lat, lon)))
        }
        (Some(_), Some(_) | None) | (None, Some(_)) => Err(ProfileError::Position),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_as_long_as_people_write_them() {
        let longest = "昆".repeat(100);
        for good in ["翠湖超市", " 翠湖超市 ", "Café №1", "=1+1", "@x", longest.as_str()] {
            assert_eq!(VenueName::parse(good).map(VenueName::into_string), Ok(good.trim().to_owned()));
        }
        let too_long = "昆".repeat(101);
        for bad in ["", "   ", "a\nb", "a\0b", "a\u{202E}b", "a\u{2028}b", too_long.as_str()] {
            assert_eq!(VenueName::parse(bad), Err(ProfileError::Text(100)), "{bad:?}");
        }
    }

    #[test]
    fn coordinates_come_together() {
        for (lat, lon, good) in [
            (None, None, true),
            (Some(25.04), Some(102.71), true),
            (Some(-90.0), Some(180.0), true),
            (Some(25.04), None, false),
            (None, Some(102.71), false),
            (Some(90.1), Some(0.0), false),
            (Some(0.0), Some(-180.1), false),
            (Some(f64::NAN), Some(0.0), false),
            (Some(0.0), Some(f64::INFINITY), false),
        ] {
            assert_eq!(position(lat, lon).is_ok(), good, "{lat:?} {lon:?}");
        }
    }

    #[test]
    fn division_codes_are_digits() {
        for (text, good) in [
            ("530102", true),
            (" 530102 ", true),
            ("530102001", true),
            ("530102001001", true),
            ("5301", false),
            ("53010A", false),
            ("", false),
            ("０５３０１０２", false),
        ] {
            assert_eq!(DivisionCode::parse(text).is_ok(), good, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_parsed_parses_again(text in "\\PC{0,120}") {
            if let Ok(name) = VenueName::parse(&text) {
                prop_assert_eq!(VenueName::parse(name.as_str()), Ok(name.clone()));
                prop_assert!(name.as_str().chars().count() <= VenueName::MAX_CHARS);
            }
        }
    }
}
