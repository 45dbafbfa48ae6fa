//! Key areas: a division and the days from which a stay in it counts.

use chrono::{Days, NaiveDate};

use crate::person::{Division, role::DivisionError};

/// Days after which a stay matters no more: an incubation period, as forms ask for.
const COUNTS: u64 = 14;

/// A division that is a key area from one day on, to another or until further notice; both days included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyArea {
    pub division: Division,
    pub from: NaiveDate,
    pub until: Option<NaiveDate>,
}

/// A stay that somebody declares: where, and from which day to which; both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Of 6, 9 or 12 digits.
    pub division_code: String,
    pub from: NaiveDate,
    pub until: NaiveDate,
}

impl Stay {
    /// The stay of somebody who came from a division on a day: they were there until then, for as long as counts.
    pub fn before(division_code: &str, on: NaiveDate) -> Self {
        let from = on.checked_sub_days(Days::new(COUNTS)).unwrap_or(on);
        Self { division_code: division_code.to_owned(), from, until: on }
    }

    /// Whether it is recent enough to matter to who declares it on `day`.
    pub fn counts_on(&self, day: NaiveDate) -> bool {
        self.until.checked_add_days(Days::new(COUNTS)).is_none_or(|last| day <= last)
    }
}

/// Why something is no key area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyAreaError {
    #[error("{0}")]
    Division(#[from] DivisionError),
    #[error("it ends before it begins")]
    EndsFirst,
}

impl KeyArea {
    /// A key area; `420100` means all of the prefecture.
    pub fn parse(code: &str, from: NaiveDate, until: Option<NaiveDate>) -> Result<Self, KeyAreaError> {
        if code.is_empty() {
            return Err(DivisionError.into());
        }
        let division = Division::parse_scope(code)?;
        if until.is_some_and(|until| until < from) {
            return Err(KeyAreaError::EndsFirst);
        }
        Ok(Self { division, from, until })
    }

    /// Whether a stay lies in it, for a day at least. A stay that names a larger division than the area does not: nobody
    /// knows where in it somebody was.
    pub fn holds(&self, stay: &Stay) -> bool {
        self.division.covers(&stay.division_code)
            && stay.until >= self.from
            && self.until.is_none_or(|until| stay.from <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 2, d).expect("a date")
    }

    #[test]
    fn days_and_divisions_have_to_meet() {
        let area = KeyArea::parse("420100", day(3), Some(day(9))).expect("an area");
        let stay = |code: &str, from, until| Stay {
            division_code: code.to_owned(),
            from: day(from),
            until: day(until),
        };
        for (code, from, until, expected) in [
            ("420102", 3, 3, true),
            ("420102001", 9, 20, true),
            ("420100", 1, 3, true),
            ("420102", 1, 2, false),
            ("420102", 10, 20, false),
            ("420200", 3, 9, false),
            ("420000", 3, 9, false),
        ] {
            assert_eq!(area.holds(&stay(code, from, until)), expected, "{code} {from} {until}");
        }
        let open = KeyArea { until: None, ..area };
        assert!(open.holds(&stay("420102", 28, 29)));
    }

    #[test]
    fn who_came_was_there_before_and_it_matters_for_14_days() {
        let stay = Stay::before("420100", day(15));
        assert_eq!((stay.from, stay.until), (day(1), day(15)));
        assert!(stay.counts_on(day(15)) && stay.counts_on(day(29)));
        assert!(!stay.counts_on(day(29) + Days::new(1)));
    }

    #[test]
    fn nowhere_and_never_are_refused() {
        assert_eq!(KeyArea::parse("", day(1), None), Err(KeyAreaError::Division(DivisionError)));
        assert_eq!(KeyArea::parse("4201", day(1), None), Err(KeyAreaError::Division(DivisionError)));
        assert_eq!(KeyArea::parse("420100", day(2), Some(day(1))), Err(KeyAreaError::EndsFirst));
    }
}
