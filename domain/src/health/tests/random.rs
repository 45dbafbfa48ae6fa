//! Random months, with clocks that jump forward and back, over the ends of months and years, against the oracle.

use proptest::prelude::*;

use super::super::oracle::{Diary, Settings};
use super::*;
use crate::time::{HOUR, MINUTE};

const STARTS: &[&str] =
    &["2019-12-20T15:30:00Z", "2020-02-15T15:59:59Z", "2020-12-25T16:00:00Z", "2021-02-20T03:00:00Z"];

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => Just(Act::CheckIn),
        1 => Just(Act::Abnormal { colour: Colour::Yellow, days: 0 }),
        1 => Just(Act::Expose { colour: Colour::Yellow, days: 0 }),
        1 => Just(Act::Expose { colour: Colour::Red, days: 0 }),
        2 => Just(Act::Release),
        1 => Just(Act::Declare),
        1 => Just(Act::Nothing),
        1 => Just(Act::Clear),
    ]
}

/// Minutes by which the clock moves: mostly a day, sometimes far, sometimes back.
fn any_jump() -> impl Strategy<Value = i64> {
    let day = 24 * 60_i64;
    prop_oneof![
        10 => (day - 300)..(day + 300),
        3 => 0..300i64,
        1 => (-2 * day)..0,
        1 => (day + 300)..(4 * day),
        1 => Just(12 * day),
    ]
}

/// The same act with the days of these rules.
fn with_days(act: Act, rules: &RuleSet) -> Act {
    let days = |colour: Colour| usize::from(rules.days(colour));
    match act {
        Act::Expose { colour, .. } => Act::Expose { colour, days: days(colour) },
        Act::Abnormal { colour, .. } => Act::Abnormal { colour, days: days(colour) },
        Act::Declare | Act::CheckIn | Act::Release | Act::Clear | Act::Nothing => act,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_random_month_ends_where_the_oracle_says(
        start in prop::sample::select(STARTS),
        days in (1..=7u16, 1..=14u16),
        valid_days in prop::sample::select(&[0u16, 3, 30][..]),
        approval: bool,
        month in prop::collection::vec((any_jump(), any_act()), 30..60),
    ) {
        let mut rules = RuleSet::shipped();
        (rules.yellow_days, rules.red_days) = days;
        (rules.green_valid_days, rules.red_release_needs_approval) = (valid_days, approval);
        let mut now = at(start);
        let mut state = HealthState::undeclared(now);
        let mut diary = Diary::new(Settings { valid_days: valid_days.into(), approval }, now);
        for (n, (jump, act)) in month.into_iter().enumerate() {
            now = now + jump * MINUTE;
            let act = with_days(act, &rules);
            let found = apply(&state, &event_of(act, n as u128), &rules, now);
            let expected = diary.after(act, now);
            prop_assert_eq!(found.is_ok(), expected.is_some(), "{:?} {:?}", act, found);
            if let (Ok(outcome), Some(next)) = (found, expected) {
                prop_assert_eq!((outcome.state.colour, usize::from(outcome.state.left)), (next.colour(), next.left()));
                assert_sound(&state, &outcome, now);
                (state, diary) = (outcome.state, next);
            }
            let shown = as_of(&state, &rules, now + HOUR);
            prop_assert!(shown.colour == state.colour || shown.colour == Colour::Grey);
        }
    }

    #[test]
    fn whatever_the_clock_does_a_colour_takes_its_days(
        red: bool,
        jumps in prop::collection::vec(any_jump(), 1..40),
    ) {
        let rules = RuleSet::shipped();
        let mut now = at("2020-12-25T16:00:00Z");
        let exposed = Act::Expose { colour: if red { Colour::Red } else { Colour::Yellow }, days: 0 };
        let mut state = HealthState::undeclared(now);
        for (n, act) in [Act::Declare, exposed].into_iter().enumerate() {
            state = apply(&state, &event_of(act, n as u128), &rules, now).expect("applies").state;
        }
        let mut days = BTreeSet::new();
        for (n, jump) in jumps.into_iter().enumerate() {
            now = now + jump * MINUTE;
            days.insert(now.shanghai_day());
            if let Ok(outcome) = apply(&state, &event_of(Act::CheckIn, 100 + n as u128), &rules, now) {
                state = outcome.state;
            }
            let needed = if red { 14 } else { 7 };
            prop_assert!(days.len() >= needed || (state.is_restricted() && state.left > 0));
            prop_assert!(!red || state.colour == Colour::Red, "red needs a release");
        }
    }
}
