//! Decisions of people, and what the specification leaves open: the answers that were chosen, one test each.

use super::*;
use crate::time::{DAY, MINUTE};

const COUGH: Act = Act::Abnormal { colour: Colour::Yellow, days: 0 };
const CONTACT: Act = Act::Expose { colour: Colour::Red, days: 0 };
const KEY_AREA: Act = Act::Expose { colour: Colour::Yellow, days: 0 };

fn start() -> Timestamp {
    at("2020-02-11T12:00:00+08:00")
}

fn step(state: &HealthState, event: &Event, now: Timestamp) -> Result<HealthState, Refused> {
    apply(state, event, &RuleSet::shipped(), now).map(|outcome| outcome.state)
}

/// The state after these acts, each so many days after the one before.
fn after(acts: &[(i64, Act)]) -> (HealthState, Timestamp) {
    let declared = step(&HealthState::undeclared(start()), &event_of(Act::Declare, 0), start());
    let begin = (declared.expect("declares"), start());
    acts.iter().enumerate().fold(begin, |(state, now), (n, (days, act))| {
        let now = now + days * DAY;
        (step(&state, &event_of(*act, 1 + n as u128), now).expect("applies"), now)
    })
}

fn days_of_check_ins(first: Act, n: usize) -> Vec<(i64, Act)> {
    std::iter::once((0, first)).chain((0..n).map(|i| (i64::from(i > 0), Act::CheckIn))).collect()
}

fn manual(to: Colour, ground: Ground) -> Event {
    let change = ManualChange {
        decision: Uuid::from_u128(500),
        to,
        ground,
        document: "杭卫函〔2020〕12号".to_owned(),
        by: Uuid::from_u128(1),
        second: Some(Uuid::from_u128(2)),
    };
    let limits = ManualLimits { alone_per_hour: 3, second_for_red: true };
    Event::Manual(change.authorise(&[], limits, start()).expect("authorised"))
}

#[test]
fn officials_change_colours_on_grounds() {
    let (red, now) = after(&[(0, CONTACT)]);
    let yellow = step(&red, &manual(Colour::Yellow, Ground::RuledOut), now).expect("applies");
    assert_eq!((yellow.colour, yellow.left, yellow.reason.as_str()), (Colour::Yellow, 7, "manual"));
    let refused = |state, to, ground| step(state, &manual(to, ground), now).expect_err("refused");
    assert_eq!(refused(&red, Colour::Green, Ground::ClinicalFinding), Refused::WrongGround);
    assert_eq!(refused(&red, Colour::Red, Ground::ClinicalFinding), Refused::SameColour(Colour::Red));
    assert_eq!(refused(&red, Colour::Grey, Ground::RecordError), Refused::WrongColour);
    let grey = HealthState::undeclared(now);
    assert_eq!(refused(&grey, Colour::Green, Ground::RecordError), Refused::NotDeclared);
    let again = step(&yellow, &manual(Colour::Red, Ground::ClinicalFinding), now).expect("applies");
    assert_eq!((again.colour, again.left), (Colour::Red, 14));
}

#[test]
fn an_appeal_that_is_granted_lightens_and_nothing_else() {
    let (red, now) = after(&[(0, CONTACT)]);
    let grant = |state, to| step(state, &Event::AppealGranted { to, appeal: Uuid::from_u128(9) }, now);
    let green = grant(&red, Colour::Green).expect("applies");
    assert_eq!((green.colour, green.reason.as_str(), green.left), (Colour::Green, "appeal_granted", 0));
    assert_eq!(grant(&red, Colour::Yellow).expect("applies").left, 7);
    assert_eq!(grant(&red, Colour::Red), Err(Refused::WrongColour));
    assert_eq!(grant(&red, Colour::Grey), Err(Refused::WrongColour));
    assert_eq!(grant(&green, Colour::Green), Err(Refused::WrongColour));
}

#[test]
fn a_completed_quarantine_stands_for_the_days_and_red_still_needs_its_release() {
    let ended = Event::QuarantineCompleted { record: Uuid::from_u128(9) };
    let (red, now) = after(&[(0, CONTACT)]);
    let waits = step(&red, &ended, now + 14 * DAY).expect("applies");
    assert_eq!((waits.colour, waits.awaits_release()), (Colour::Red, true));
    let (yellow, now) = after(&[(0, KEY_AREA)]);
    assert_eq!(step(&yellow, &ended, now).expect("applies").colour, Colour::Green);
    let (cough, now) = after(&[(0, KEY_AREA), (0, COUGH)]);
    assert_eq!(step(&cough, &ended, now), Err(Refused::NotByQuarantine));
}

#[test]
fn the_day_of_colouring_counts_when_it_has_its_own_check_in() {
    let (state, _) = after(&days_of_check_ins(KEY_AREA, 7));
    assert_eq!(state.colour, Colour::Green);
    let (state, _) = after(&[(0, Act::CheckIn), (0, KEY_AREA), (0, Act::CheckIn)]);
    assert_eq!(state.left, 7, "a check-in from before the colour speaks for no day of it");
}

#[test]
fn a_milder_match_asks_for_its_own_days_under_the_worse_colour() {
    let mut acts = days_of_check_ins(CONTACT, 13);
    acts.push((0, KEY_AREA));
    let (red, _) = after(&acts);
    assert_eq!((red.colour, red.left, red.reason.as_str()), (Colour::Red, 7, "close_contact"));
    let (red, _) = after(&[(0, CONTACT), (0, KEY_AREA)]);
    assert_eq!(red.left, 14, "and takes none away");
}

#[test]
fn a_match_that_comes_twice_counts_once_and_a_new_one_counts() {
    let (red, now) = after(&days_of_check_ins(CONTACT, 5));
    assert_eq!(step(&red, &event_of(CONTACT, 1), now).expect("applies").left, 9);
    assert_eq!(step(&red, &event_of(CONTACT, 99), now).expect("applies").left, 14);
}

#[test]
fn a_second_declaration_lightens_nothing() {
    let (red, now) = after(&days_of_check_ins(CONTACT, 5));
    let again = step(&red, &event_of(Act::Declare, 99), now).expect("applies");
    assert_eq!((again.colour, again.left, again.reason.as_str()), (Colour::Red, 9, "close_contact"));
}

#[test]
fn a_record_colours_whoever_has_not_declared_and_their_green_is_grey() {
    let mut state =
        step(&HealthState::undeclared(start()), &event_of(KEY_AREA, 1), start()).expect("applies");
    assert_eq!(state.colour, Colour::Yellow);
    for day in 0..7 {
        state = step(&state, &event_of(Act::CheckIn, 10), start() + day * DAY).expect("applies");
    }
    assert_eq!((state.colour, state.reason.as_str()), (Colour::Grey, "not_declared"));
}

#[test]
fn green_expires_unless_somebody_checks_in() {
    let (green, now) = after(&[]);
    let shown = |days| as_of(&green, &RuleSet::shipped(), now + days * DAY);
    assert_eq!(shown(30).colour, Colour::Green);
    let grey = shown(31);
    assert_eq!((grey.colour, grey.reason.as_str(), grey.health_status()), (Colour::Grey, "expired", 4));
    assert_eq!(step(&grey, &event_of(Act::CheckIn, 9), now + 31 * DAY), Err(Refused::NotDeclared));
    let (kept, now) = after(&[(30, Act::CheckIn)]);
    assert_eq!(as_of(&kept, &RuleSet::shipped(), now + 30 * DAY).colour, Colour::Green);
}

#[test]
fn a_clock_that_goes_back_worsens_and_never_lightens() {
    let (red, now) = after(&days_of_check_ins(CONTACT, 14));
    let earlier = now - MINUTE;
    for event in [
        event_of(Act::Release, 9),
        event_of(Act::CheckIn, 9),
        event_of(Act::Clear, 9),
        event_of(Act::Declare, 9),
        Event::QuarantineCompleted { record: Uuid::from_u128(9) },
        manual(Colour::Green, Ground::RecordError),
    ] {
        assert_eq!(step(&red, &event, earlier), Err(Refused::ClockBehind), "{event:?}");
    }
    let worse = step(&red, &event_of(COUGH, 9), earlier).expect("applies");
    assert_eq!((worse.left, worse.last_at), (14, now));
}
