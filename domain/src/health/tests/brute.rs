//! Every string of up to seven events, against the oracle. Colours of 2 and 3 days, so that seven events reach green.

use super::super::oracle::{Diary, Settings};
use super::*;
use crate::time::DAY;

/// An act, and the days by which the clock moves before it.
const ALPHABET: &[(i64, Act)] = &[
    (0, Act::CheckIn),
    (1, Act::CheckIn),
    (2, Act::CheckIn),
    (-1, Act::CheckIn),
    (0, Act::Abnormal { colour: Colour::Yellow, days: 2 }),
    (0, Act::Expose { colour: Colour::Yellow, days: 2 }),
    (0, Act::Expose { colour: Colour::Red, days: 3 }),
    (1, Act::Release),
];

struct Walk {
    rules: RuleSet,
    strings: u64,
    greens: u64,
}

impl Walk {
    fn new(approval: bool) -> Self {
        let mut rules = RuleSet::shipped();
        (rules.yellow_days, rules.red_days, rules.green_valid_days) = (2, 3, 0);
        rules.red_release_needs_approval = approval;
        let used = ["close-contact", "key-area", "check-in-abnormal", "healthy"];
        rules.rules.retain(|rule| used.contains(&rule.id.as_str()));
        Self { rules, strings: 0, greens: 0 }
    }

    fn go(&mut self, depth: usize, state: &HealthState, diary: &Diary, now: Timestamp) {
        for (days, act) in ALPHABET {
            let now = now + days * DAY;
            self.strings += 1;
            let found = apply(state, &event_of(*act, u128::from(self.strings)), &self.rules, now);
            let expected = diary.after(*act, now);
            let (Ok(outcome), Some(diary)) = (&found, &expected) else {
                assert!(found.is_err() && expected.is_none(), "{act:?}: {found:?} {expected:?}");
                if depth > 1 {
                    self.go(depth - 1, state, diary, now);
                }
                continue;
            };
            let counted = (outcome.state.colour, usize::from(outcome.state.left));
            assert_eq!(counted, (diary.colour(), diary.left()), "{act:?} {state:?} {diary:?}");
            assert_sound(state, outcome, now);
            self.greens += u64::from(state.is_restricted() && !outcome.state.is_restricted());
            if depth > 1 {
                self.go(depth - 1, &outcome.state, diary, now);
            }
        }
    }
}

/// Walks all strings of up to `length` events of somebody who has declared, or not; how often a colour came to its end.
fn walk(length: u32, declared: bool, approval: bool) -> u64 {
    let start = at("2020-02-28T02:00:00Z");
    let mut walk = Walk::new(approval);
    let mut state = HealthState::undeclared(start);
    let mut diary = Diary::new(Settings { valid_days: 0, approval }, start);
    if declared {
        state = apply(&state, &event_of(Act::Declare, 0), &walk.rules, start).expect("declares").state;
        diary = diary.after(Act::Declare, start).expect("declares");
    }
    walk.go(length as usize, &state, &diary, start);
    let all: u64 = (1..=length).map(|n| (ALPHABET.len() as u64).pow(n)).sum();
    assert_eq!(walk.strings, all);
    walk.greens
}

#[test]
fn every_string_of_seven_events_ends_where_the_oracle_says() {
    assert!(walk(7, true, true) > 1_000);
}

#[test]
fn so_does_every_string_of_six_without_approval_or_declaration() {
    assert!(walk(6, true, false) > 1_000);
    assert!(walk(6, false, true) > 1_000);
}
