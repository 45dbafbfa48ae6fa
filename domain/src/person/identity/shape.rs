//! What the numbers of identity documents look like, and their check digits.

use chrono::NaiveDate;

use super::IdentityKind;

/// Longest number that is looked at, in characters.
const MAX: usize = 32;

/// Weights of GB 11643 (ISO 7064 MOD 11-2), and the check character by remainder.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// Why a number is refused. The messages never hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("a number of this kind does not look like that")]
    Shape,
    #[error("numbers of 15 digits are no longer valid; the 18 digits of the present card are wanted")]
    Legacy,
    #[error("the check digit does not fit")]
    CheckDigit,
    #[error("the birth date in the number does not exist")]
    BirthDate,
    #[error("the birth date in the number lies in the future")]
    BornLater,
}

/// Capitals without white space, at most [`MAX`] characters.
pub(super) fn normalise(text: &str) -> Result<String, IdentityError> {
    let number: String = text.chars().filter(|c| !c.is_whitespace()).take(MAX + 1).collect();
    let fits = !number.is_empty() && number.chars().count() <= MAX;
    fits.then(|| number.to_ascii_uppercase()).ok_or(IdentityError::Shape)
}

/// Whether numbers of this kind are 18 characters with a birth date and a check digit.
pub(super) const fn is_long(kind: IdentityKind) -> bool {
    use IdentityKind::{DrivingLicence, HmtResidencePermit, HouseholdRegister, PermanentResidence, Resident};
    matches!(kind, Resident | HouseholdRegister | DrivingLicence | HmtResidencePermit | PermanentResidence)
}

/// Checks a normalised number of this kind.
pub(super) fn check(kind: IdentityKind, number: &str) -> Result<(), IdentityError> {
    let b = number.as_bytes();
    let fits = |holds: bool| if holds { Ok(()) } else { Err(IdentityError::Shape) };
    match kind {
        IdentityKind::Resident | IdentityKind::HouseholdRegister | IdentityKind::DrivingLicence => {
            long(number, |b| (b'1'..=b'7').contains(&b[0]))
        }
        IdentityKind::HmtResidencePermit => long(number, |b| b[0] == b'8' && (b'1'..=b'3').contains(&b[1])),
        IdentityKind::PermanentResidence if b.len() == 15 => {
            // The older card: country, division, yymmdd, sequence, check; its check digit is not published.
            fits(b[..3].iter().all(u8::is_ascii_uppercase) && digits(&b[3..]))
        }
        IdentityKind::PermanentResidence => long(number, |b| b[0] == b'9'),
        // 9 characters on the card, 11 with the number of times it was renewed.
        IdentityKind::HkMacaoPermit => {
            fits(matches!(b.len(), 9 | 11) && matches!(b[0], b'H' | b'M') && digits(&b[1..]))
        }
        // 8 digits; the booklets of before 2015 had 10 and, in some, a letter.
        IdentityKind::TaiwanPermit => fits(match b.len() {
            8 | 10 => digits(b),
            11 => digits(&b[..10]) && b[10].is_ascii_uppercase(),
            _ => false,
        }),
        // ICAO 9303: up to 9 characters; no country has passports of letters alone.
        IdentityKind::Passport => fits(
            (5..=9).contains(&b.len())
                && b.iter().all(u8::is_ascii_alphanumeric)
                && b.iter().any(u8::is_ascii_digit),
        ),
        IdentityKind::OfficerCard => fits(is_officer_card(number)),
        IdentityKind::Other => {
            let count = number.chars().count();
            let may = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || is_han(c);
            fits((4..=MAX).contains(&count) && number.chars().all(may))
        }
    }
}

/// `8 digits`, or the arm of service and `字第 .. 号` around 4 to 8 digits.
fn is_officer_card(number: &str) -> bool {
    let Some((arm, rest)) = number.split_once("字第") else {
        return (6..=8).contains(&number.len()) && digits(number.as_bytes());
    };
    let inner = rest.strip_suffix('号').unwrap_or("");
    (1..=2).contains(&arm.chars().count())
        && arm.chars().all(is_han)
        && (4..=8).contains(&inner.len())
        && digits(inner.as_bytes())
}

fn is_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn digits(b: &[u8]) -> bool {
    b.iter().all(u8::is_ascii_digit)
}

/// 17 digits and a check character, with a date in places 7 to 14; `head` judges the first places.
fn long(number: &str, head: impl Fn(&[u8]) -> bool) -> Result<(), IdentityError> {
    let b = number.as_bytes();
    if b.len() == 15 && digits(b) {
        return Err(IdentityError::Legacy);
    }
    if b.len() != 18 || !digits(&b[..17]) || !(b[17].is_ascii_digit() || b[17] == b'X') || !head(b) {
        return Err(IdentityError::Shape);
    }
    if check_character(&b[..17]) != b[17] {
        return Err(IdentityError::CheckDigit);
    }
    date(&number[6..14]).map(|_| ()).ok_or(IdentityError::BirthDate)
}

/// The check character of 17 digits.
pub(super) fn check_character(seventeen: &[u8]) -> u8 {
    let sum: u32 = seventeen.iter().zip(WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
    CHECKS[(sum % 11) as usize]
}

/// A date of `yyyymmdd` from 1800 on.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
    let year = i32::try_from(part(0..4)?).ok()?;
    NaiveDate::from_ymd_opt(year, part(4..6)?, part(6..8)?).filter(|_| year >= 1800)
}
