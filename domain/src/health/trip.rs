//! Trips that people declare.

use chrono::{Days, NaiveDate};

use crate::person::check_division_code;

/// How long ago somebody may have arrived, in days.
const LATELY: u64 = 365;
/// Longest number of a train, flight or vehicle, in characters.
const NUMBER_MAX: usize = 32;

crate::macros::words! {
    /// By what somebody travelled.
    Transport {
        Train = "train", Plane = "plane", Bus = "bus", Ship = "ship", Car = "car", Other = "other",
    }
}

/// A trip, as it is sealed. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trip {
    /// GB/T 2260, 6, 9 or 12 digits.
    pub from_division: String,
    pub to_division: Option<String>,
    pub departed_on: Option<NaiveDate>,
    pub arrived_on: NaiveDate,
    pub transport: Option<Transport>,
    /// Of the train, flight or vehicle.
    pub number: Option<String>,
}

impl std::fmt::Debug for Trip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trip")
    }
}

/// The field that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TripFault {
    #[error("6, 9 or 12 digits of GB/T 2260")]
    FromDivision,
    #[error("6, 9 or 12 digits of GB/T 2260")]
    ToDivision,
    #[error("not after the arrival")]
    DepartedOn,
    #[error("not in the future, within a year")]
    ArrivedOn,
    #[error("1 to {NUMBER_MAX} characters")]
    Number,
}

impl TripFault {
    /// Its name, as forms have it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::FromDivision => "from_division",
            Self::ToDivision => "to_division",
            Self::DepartedOn => "departed_on",
            Self::ArrivedOn => "arrived_on",
            Self::Number => "number",
        }
    }
}

impl Trip {
    /// The first thing that is wrong with it when it is declared on `today`.
    ///
    /// # Errors
    /// See [`TripFault`].
    pub fn check(&self, today: NaiveDate) -> Result<(), TripFault> {
        check_division_code(&self.from_division).map_err(|_| TripFault::FromDivision)?;
        let to = self.to_division.as_deref().map_or(Ok(()), check_division_code);
        to.map_err(|_| TripFault::ToDivision)?;
        let first = today.checked_sub_days(Days::new(LATELY)).unwrap_or(NaiveDate::MIN);
        if self.arrived_on > today || self.arrived_on < first {
            return Err(TripFault::ArrivedOn);
        }
        if self.departed_on.is_some_and(|day| day > self.arrived_on || day < first) {
            return Err(TripFault::DepartedOn);
        }
        let fits = |text: &String| (1..=NUMBER_MAX).contains(&text.trim().chars().count());
        if self.number.as_ref().is_some_and(|text| !fits(text)) {
            return Err(TripFault::Number);
        }
        Ok(())
    }

    /// The last day at the place it began.
    pub fn left_on(&self) -> NaiveDate {
        self.departed_on.unwrap_or(self.arrived_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 2, d).expect("a date")
    }

    fn trip() -> Trip {
        Trip {
            from_division: "420100".to_owned(),
            to_division: Some("530102003".to_owned()),
            departed_on: Some(day(9)),
            arrived_on: day(10),
            transport: Some(Transport::Train),
            number: Some("G1234".to_owned()),
        }
    }

    #[test]
    fn each_field_is_looked_at() {
        assert_eq!(trip().check(day(10)), Ok(()));
        assert_eq!(trip().check(day(9)), Err(TripFault::ArrivedOn), "tomorrow");
        let year_later = NaiveDate::from_ymd_opt(2021, 2, 10).expect("a date");
        assert_eq!(trip().check(year_later), Err(TripFault::ArrivedOn));
        for (wrong, fault) in [
            (Trip { from_division: "42".to_owned(), ..trip() }, TripFault::FromDivision),
            (Trip { to_division: Some("0".to_owned()), ..trip() }, TripFault::ToDivision),
            (Trip { departed_on: Some(day(11)), ..trip() }, TripFault::DepartedOn),
            (Trip { number: Some(" ".to_owned()), ..trip() }, TripFault::Number),
            (Trip { number: Some("x".repeat(33)), ..trip() }, TripFault::Number),
        ] {
            assert_eq!(wrong.check(day(12)), Err(fault));
        }
        assert_eq!((trip().left_on(), format!("{:?}", trip())), (day(9), "Trip".to_owned()));
    }
}
