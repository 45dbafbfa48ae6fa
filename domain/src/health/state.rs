//! What is stored of somebody's health code, and what can be read off it.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Colour, Reason, RuleSet};
use crate::time::Timestamp;

/// A colour with its reason, and how far the count of days has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HealthState {
    pub colour: Colour,
    /// Code of the text that says why.
    pub reason: String,
    /// The rule that led here; none where a decision or the passing of days did.
    pub rule: Option<String>,
    /// What it rests on: the declaration, record, notice, check-in, gate event or appeal.
    pub evidence: Option<Uuid>,
    /// When the colour began.
    pub since: Timestamp,
    /// Normal check-ins in a row that are asked for from the start of the count.
    pub required: u16,
    /// How many of them are left.
    pub left: u16,
    /// The last day that has had its check-in, or a fever at a gate: no later check-in of that day counts.
    pub checked_on: Option<NaiveDate>,
    /// The day of the declaration or of the last check-in since; none without a valid declaration.
    pub valid_from: Option<NaiveDate>,
    /// The last event. What comes with an earlier time lightens nothing.
    pub last_at: Timestamp,
}

impl HealthState {
    /// Somebody of whom nothing is known.
    pub fn undeclared(at: Timestamp) -> Self {
        Self {
            colour: Colour::Grey,
            reason: Reason::NotDeclared.to_string(),
            rule: None,
            evidence: None,
            since: at,
            required: 0,
            left: 0,
            checked_on: None,
            valid_from: None,
            last_at: at,
        }
    }

    /// Yellow or red.
    pub fn is_restricted(&self) -> bool {
        matches!(self.colour, Colour::Yellow | Colour::Red)
    }

    /// All days are done, and an official's release is all that is missing.
    pub fn awaits_release(&self) -> bool {
        self.is_restricted() && self.left == 0
    }

    /// Check-ins in a row so far.
    pub fn days_done(&self) -> u16 {
        self.required - self.left.min(self.required)
    }

    /// The day of the next check-in that counts, where one is wanted.
    pub fn next_due(&self, today: NaiveDate) -> Option<NaiveDate> {
        let wanted = self.is_restricted() && self.left > 0;
        let next =
            if self.checked_on == Some(today) { today.checked_add_days(Days::new(1)) } else { Some(today) };
        next.filter(|_| wanted)
    }

    /// The first day on which the count can be complete, with a normal check-in on every day until then.
    pub fn releasable_on(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.next_due(today)?.checked_add_days(Days::new(u64::from(self.left.saturating_sub(1))))
    }

    /// The first day on which the passing of time alone changes something: a day is missed, or a declaration expires.
    pub fn turns_on(&self, rules: &RuleSet) -> Option<NaiveDate> {
        let under_way = self.is_restricted() && self.left > 0 && self.left < self.required;
        if under_way {
            return self.checked_on.and_then(|day| day.checked_add_days(Days::new(2)));
        }
        let valid = u64::from(rules.green_valid_days);
        let expires = self.colour == Colour::Green && valid > 0;
        self.valid_from.filter(|_| expires).and_then(|from| from.checked_add_days(Days::new(valid + 1)))
    }

    /// The number that gate devices know it by: 1 green, 2 yellow, 3 red, 4 expired, 5 not declared.
    pub fn health_status(&self) -> u8 {
        match self.colour {
            Colour::Green => 1,
            Colour::Yellow => 2,
            Colour::Red => 3,
            Colour::Grey if self.reason == Reason::Expired.as_str() => 4,
            Colour::Grey => 5,
        }
    }
}

/// The days without a check-in between the day of colouring, which is never missed, and today, which is not over.
pub fn missed_days(coloured: NaiveDate, checked: &BTreeSet<NaiveDate>, today: NaiveDate) -> Vec<NaiveDate> {
    coloured.iter_days().skip(1).take_while(|day| *day < today).filter(|day| !checked.contains(day)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 2, d).expect("a date")
    }

    #[test]
    fn the_day_of_release_follows_from_the_count() {
        let yellow = HealthState {
            colour: Colour::Yellow,
            required: 7,
            left: 7,
            ..HealthState::undeclared(Timestamp(0))
        };
        assert_eq!((yellow.next_due(day(11)), yellow.releasable_on(day(11))), (Some(day(11)), Some(day(17))));
        let checked = HealthState { left: 6, checked_on: Some(day(11)), ..yellow.clone() };
        assert_eq!(
            (checked.next_due(day(11)), checked.releasable_on(day(11))),
            (Some(day(12)), Some(day(17)))
        );
        assert_eq!((checked.days_done(), checked.awaits_release()), (1, false));
        let done = HealthState { colour: Colour::Red, left: 0, ..yellow };
        assert_eq!(
            (done.next_due(day(20)), done.releasable_on(day(20)), done.awaits_release()),
            (None, None, true)
        );
    }

    #[test]
    fn today_and_the_day_of_colouring_are_not_missed() {
        let checked = BTreeSet::from([day(12), day(14)]);
        assert_eq!(missed_days(day(11), &checked, day(16)), [day(13), day(15)]);
        assert_eq!(missed_days(day(11), &BTreeSet::new(), day(11)), []);
        assert_eq!(missed_days(day(28), &BTreeSet::new(), day(28) + Days::new(2)), [day(29)]);
    }
}
