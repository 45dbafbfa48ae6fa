//! An identity document's number that cannot be printed by accident.
//!
//! Kinds follow CV02.01.101, with two that it counts among "other": the residence permit of people from Hong Kong, Macao
//! and Taiwan, and the permanent residence card of foreigners. The shapes and check digits are in [`shape`].

mod shape;

use std::fmt;

use chrono::{Datelike, NaiveDate};

pub use shape::IdentityError;

/// Below this age in years a guardian consents, and the data are sensitive as such (PIPL articles 28 and 31).
pub const GUARDIAN_BELOW: u32 = 14;

crate::macros::words! {
    /// The document that a number belongs to.
    IdentityKind {
        /// Resident identity card, GB 11643.
        Resident = "resident",
        /// Household register: the resident number of somebody who has no card yet.
        HouseholdRegister = "household_register",
        Passport = "passport",
        /// Officer's card, such as 军字第2001988号.
        OfficerCard = "officer_card",
        /// Driving licence: its number is its holder's resident number.
        DrivingLicence = "driving_licence",
        /// Mainland travel permit of residents of Hong Kong and Macao.
        HkMacaoPermit = "hk_macao_permit",
        /// Mainland travel permit of residents of Taiwan.
        TaiwanPermit = "taiwan_permit",
        /// Residence permit of residents of Hong Kong, Macao and Taiwan: a resident number with 81, 82 or 83 first.
        HmtResidencePermit = "hmt_residence_permit",
        /// Foreigner's permanent residence card: 18 digits with a 9 first, or the older 3 letters and 12 digits.
        PermanentResidence = "permanent_residence",
        Other = "other",
    }
}

impl IdentityKind {
    /// The code of CV02.01.101 that interfaces of the health service exchange.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Resident => "01",
            Self::HouseholdRegister => "02",
            Self::Passport => "03",
            Self::OfficerCard => "04",
            Self::DrivingLicence => "05",
            Self::HkMacaoPermit => "06",
            Self::TaiwanPermit => "07",
            Self::HmtResidencePermit | Self::PermanentResidence | Self::Other => "99",
        }
    }
}

/// A document number of a known kind, in capitals. `Debug` and `Display` show its mask (`11****2X`); the number itself is
/// only to be had by name, through [`IdentityNumber::reveal`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdentityNumber {
    kind: IdentityKind,
    number: String,
}

impl IdentityNumber {
    /// Accepts what its kind looks like, in either case, spaces dropped. A birth date in the number must exist and must
    /// not lie after `today`; a division that no list has is accepted, since old ones stay valid for life.
    pub fn parse(kind: IdentityKind, text: &str, today: NaiveDate) -> Result<Self, IdentityError> {
        let number = shape::normalise(text)?;
        shape::check(kind, &number)?;
        let id = Self { kind, number };
        match id.birth_date() {
            Some(born) if born > today => Err(IdentityError::BornLater),
            Some(_) | None => Ok(id),
        }
    }

    /// Rebuilds a number that was stored by us.
    pub fn from_stored(kind: IdentityKind, number: String) -> Option<Self> {
        shape::check(kind, &number).is_ok().then_some(Self { kind, number })
    }

    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The number in clear. Only sealing, hashing and the comparison with official records may call this.
    pub fn reveal(&self) -> &str {
        &self.number
    }

    /// What a screen may show: the first and last two characters, of short numbers the first and last one.
    pub fn masked(&self) -> String {
        let chars: Vec<char> = self.number.chars().collect();
        let shown = if chars.len() < 8 { 1 } else { 2 };
        let text = |part: &[char]| part.iter().collect::<String>();
        format!("{}****{}", text(&chars[..shown]), text(&chars[chars.len() - shown..]))
    }

    /// The birth date, where the number says it in full.
    pub fn birth_date(&self) -> Option<NaiveDate> {
        (self.number.len() == 18 && shape::is_long(self.kind))
            .then(|| shape::date(&self.number[6..14]))
            .flatten()
    }

    /// Completed years on `day`; `None` where the number does not tell. Who was born on 29 February completes a year on
    /// 1 March when there is no 29th.
    pub fn age_on(&self, day: NaiveDate) -> Option<u32> {
        self.birth_date().and_then(|born| age(born, day))
    }

    /// Whether a guardian has to consent on `day`; `None` where the number does not tell, and has to be asked.
    pub fn needs_guardian(&self, day: NaiveDate) -> Option<bool> {
        self.age_on(day).map(|years| years < GUARDIAN_BELOW)
    }
}

/// Completed years between a birth date and `day`; `None` before the birth.
pub fn age(born: NaiveDate, day: NaiveDate) -> Option<u32> {
    let before_birthday = (day.month(), day.day()) < (born.month(), born.day());
    u32::try_from(day.year() - born.year() - i32::from(before_birthday)).ok()
}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.masked())
    }
}

impl fmt::Display for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests;
