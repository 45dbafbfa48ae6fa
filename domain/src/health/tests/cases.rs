//! The sentences of the specification, one case each.

use rstest::rstest;

use super::person::Person;
use super::*;
use crate::time::{DAY, HOUR};

#[test]
fn without_a_declaration_the_code_is_grey() {
    let mut person = Person::new();
    assert_eq!(person.is(), (Colour::Grey, "not_declared", 0));
    assert_eq!(person.event(&event_of(Act::CheckIn, 1)), Err(Refused::NotDeclared));
    assert_eq!(person.state.health_status(), 5);
}

#[rstest]
#[case(&[], Colour::Green, "healthy", 0)]
#[case(&[Fact::DeclaredSymptom], Colour::Yellow, "symptoms", 7)]
#[case(&[Fact::DeclaredFever], Colour::Yellow, "symptoms", 7)]
#[case(&[Fact::DeclaredKeyArea], Colour::Yellow, "key_area", 7)]
#[case(&[Fact::DeclaredContact], Colour::Red, "declared_contact", 14)]
#[case(&[Fact::DeclaredKeyArea, Fact::DeclaredSymptom], Colour::Red, "key_area_with_symptoms", 14)]
#[case(&[Fact::RecordKeyArea, Fact::DeclaredKeyArea], Colour::Yellow, "key_area", 7)]
#[case(&[Fact::RecordCloseContact, Fact::DeclaredContact], Colour::Red, "close_contact", 14)]
#[case(&[Fact::RecordQuarantine], Colour::Red, "in_quarantine", 14)]
#[case(&[Fact::RecordConfirmed], Colour::Red, "confirmed_case", 14)]
#[case(&[Fact::NoticeLevel1], Colour::Green, "healthy", 0)]
#[case(&[Fact::NoticeLevel2], Colour::Yellow, "exposure_medium", 7)]
#[case(&[Fact::NoticeLevel3], Colour::Red, "exposure_high", 14)]
#[case(&[Fact::FalseDeclaration, Fact::RecordKeyArea], Colour::Red, "false_declaration", 14)]
fn the_first_colour_follows_from_declaration_and_records(
    #[case] facts: &[Fact],
    #[case] colour: Colour,
    #[case] reason: &str,
    #[case] left: u16,
) {
    let mut person = Person::new();
    person.declares(facts);
    assert_eq!(person.is(), (colour, reason, left));
    let outcome = person.last.expect("an outcome");
    assert_eq!(outcome.changes.len(), 1);
    assert_eq!((outcome.changes[0].rule_set.as_str(), outcome.changes[0].rule_version), ("mashang", 1));
    assert_eq!(outcome.integrity.is_some(), facts.contains(&Fact::FalseDeclaration));
}

#[rstest]
#[case(Colour::Yellow, 6, Colour::Yellow, 1)]
#[case(Colour::Yellow, 7, Colour::Green, 0)]
#[case(Colour::Yellow, 8, Colour::Green, 0)]
#[case(Colour::Red, 13, Colour::Red, 1)]
#[case(Colour::Red, 14, Colour::Green, 0)]
#[case(Colour::Red, 15, Colour::Green, 0)]
fn a_colour_takes_its_days(#[case] from: Colour, #[case] days: usize, #[case] to: Colour, #[case] left: u16) {
    let mut person = Person::coloured(from);
    person.rules.red_release_needs_approval = false;
    person.checks_in(days);
    assert_eq!((person.state.colour, person.state.left), (to, left));
}

#[test]
fn red_is_released_by_an_official_when_its_days_are_done() {
    let mut person = Person::coloured(Colour::Red);
    let release = event_of(Act::Release, 1000);
    person.checks_in(13);
    assert_eq!(person.event(&release), Err(Refused::DaysLeft { left: 1 }));
    person.now = person.now + DAY;
    person.does(Act::CheckIn);
    assert_eq!((person.state.colour, person.state.awaits_release()), (Colour::Red, true));
    assert_eq!(person.last.as_ref().expect("an outcome").changes[0].reason, "awaiting_release");
    person.now = person.now + 5 * DAY;
    assert_eq!(
        as_of(&person.state, &person.rules, person.now).left,
        0,
        "waiting for an official misses no day"
    );
    assert_eq!(person.event(&release), Ok(()));
    assert_eq!(person.is(), (Colour::Green, "released", 0));
    assert_eq!(person.event(&release), Err(Refused::NotRed));
}

#[test]
fn a_missed_day_starts_the_count_again() {
    let mut person = Person::coloured(Colour::Yellow);
    person.checks_in(6);
    person.now = person.now + 2 * DAY;
    person.does(Act::Nothing);
    assert_eq!(person.is(), (Colour::Yellow, "key_area", 7));
    let change = &person.last.as_ref().expect("an outcome").changes[0];
    assert_eq!((change.reason.as_str(), change.kind, change.days_left), ("day_missed", ChangeKind::Day, 7));
    person.checks_in(7);
    assert_eq!(person.is(), (Colour::Green, "completed", 0));
}

#[test]
fn a_missed_day_needs_no_nightly_job() {
    let mut person = Person::coloured(Colour::Yellow);
    person.checks_in(6);
    person.now = person.now + 2 * DAY;
    person.does(Act::CheckIn);
    assert_eq!(person.state.left, 6);
}

#[test]
fn days_are_those_of_shanghai() {
    let mut person = Person::coloured(Colour::Yellow);
    person.now = at("2020-02-12T23:59:00+08:00");
    person.does(Act::CheckIn);
    person.now = at("2020-02-13T00:01:00+08:00");
    person.does(Act::CheckIn);
    assert_eq!(person.state.left, 5);
    person.now = at("2020-02-13T07:59:00+08:00");
    person.does(Act::CheckIn);
    person.now = at("2020-02-13T08:01:00+08:00");
    person.does(Act::CheckIn);
    assert_eq!(person.state.left, 5, "midnight of UTC is none");
}

#[test]
fn an_abnormal_check_in_starts_the_count_again_and_recolours() {
    let abnormal = Act::Abnormal { colour: Colour::Yellow, days: 0 };
    let mut person = Person::new();
    person.declares(&[]);
    person.does(abnormal);
    assert_eq!(person.is(), (Colour::Yellow, "check_in_abnormal", 7));
    person.does(Act::CheckIn);
    assert_eq!(person.state.left, 7, "the day is no normal one");
    let mut person = Person::coloured(Colour::Yellow);
    person.checks_in(6);
    person.does(abnormal);
    assert_eq!(person.is(), (Colour::Yellow, "check_in_abnormal", 7));
    let mut person = Person::coloured(Colour::Red);
    person.checks_in(14);
    person.does(abnormal);
    assert_eq!(person.is(), (Colour::Red, "close_contact", 14), "red is not made milder");
    assert_eq!(person.last.expect("an outcome").changes[0].reason, "check_in_abnormal");
}

#[test]
fn a_second_check_in_on_a_day_is_harmless() {
    let mut person = Person::coloured(Colour::Yellow);
    person.does(Act::CheckIn);
    person.now = person.now + HOUR;
    person.does(Act::CheckIn);
    assert_eq!(person.state.left, 6);
    assert!(person.last.expect("an outcome").changes.is_empty());
}

#[test]
fn a_false_declaration_is_red_at_once_and_on_the_integrity_record() {
    let mut person = Person::new();
    person.declares(&[]);
    let contradicted = Event::Contradicted { record: Uuid::from_u128(77) };
    person.event(&contradicted).expect("applies");
    assert_eq!(person.is(), (Colour::Red, "false_declaration", 14));
    let integrity = person.last.take().expect("an outcome").integrity.expect("an entry");
    assert_eq!((integrity.rule.as_str(), integrity.evidence), ("false-declaration", Uuid::from_u128(77)));
    person.does(Act::Expose { colour: Colour::Red, days: 0 });
    assert_eq!(person.state.reason, "false_declaration", "the weightier reason stays");
    let ended = Event::QuarantineCompleted { record: Uuid::from_u128(78) };
    assert_eq!(person.event(&ended), Err(Refused::NotByQuarantine));
}

#[rstest]
#[case(1, Colour::Green)]
#[case(2, Colour::Yellow)]
#[case(3, Colour::Red)]
fn notices_colour_by_their_level(#[case] level: u8, #[case] colour: Colour) {
    let mut person = Person::new();
    person.declares(&[]);
    person.event(&Event::Notice { level, notice: Uuid::from_u128(5) }).expect("applies");
    assert_eq!(person.state.colour, colour);
}

#[rstest]
#[case(372, Colour::Green)]
#[case(373, Colour::Yellow)]
fn a_fever_at_a_gate_recolours(#[case] tenths: u16, #[case] colour: Colour) {
    let mut person = Person::new();
    person.declares(&[]);
    let measured =
        Event::GateTemperature { temperature: Temperature(tenths), gate_event: Uuid::from_u128(5) };
    person.event(&measured).expect("applies");
    assert_eq!(person.state.colour, colour);
}
