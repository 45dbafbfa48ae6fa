//! Tests of the colour machine: named cases of the specification, every short string of events, random months.

mod brute;
mod cases;
mod decisions;
mod person;
mod random;
mod review;
mod rules;

use std::collections::BTreeSet;

use uuid::Uuid;

use super::oracle::Act;
use super::*;
use crate::time::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// The event of the machine that an act of the oracle stands for. `n` makes its evidence unlike any other.
fn event_of(act: Act, n: u128) -> Event {
    let id = Uuid::from_u128(n);
    let check_in = |symptoms: BTreeSet<Symptom>| Event::CheckIn { symptoms, temperature: None, check_in: id };
    match act {
        Act::Declare => Event::Declared { facts: BTreeSet::new(), declaration: id },
        Act::Expose { colour: Colour::Red, .. } => {
            Event::Matched { kind: RecordKind::CloseContact, record: id }
        }
        Act::Expose { .. } => Event::Matched { kind: RecordKind::KeyArea, record: id },
        Act::Abnormal { .. } => check_in(BTreeSet::from([Symptom::Cough])),
        Act::CheckIn => check_in(BTreeSet::new()),
        Act::Release => Event::Released { decision: id },
        Act::Clear => Event::AppealGranted { to: Colour::Green, appeal: id },
        Act::Nothing => Event::DayTurned,
    }
}

/// What must hold of every step, whatever the oracle says.
fn assert_sound(before: &HealthState, after: &Outcome, now: Timestamp) {
    let state = &after.state;
    assert!(state.left <= state.required);
    assert!(state.is_restricted() || state.required == 0, "{state:?}");
    assert!(state.last_at >= before.last_at && !state.reason.is_empty());
    if state.colour != before.colour {
        let last = after.changes.last().expect("a change of colour is in the history");
        assert_eq!((last.to, last.days_left), (state.colour, state.left));
        assert_eq!((last.at, state.since), (state.last_at, state.last_at));
    } else if after.changes.iter().all(|change| change.from == change.to) {
        assert_eq!(state.since, before.since);
    }
    if now < before.last_at {
        assert!(
            state.colour >= before.colour && state.left >= before.left,
            "a clock that went back lightens"
        );
    }
    for pair in after.changes.windows(2) {
        assert_eq!(pair[0].to, pair[1].from);
    }
}
