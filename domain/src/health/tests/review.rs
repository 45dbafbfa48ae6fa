//! Looking again at what is known: new rules, and what was taken back.

use super::*;

fn red_by_contact() -> (HealthState, Uuid) {
    let rules = RuleSet::shipped();
    let (now, record) = (at("2020-02-11T08:00:00+08:00"), Uuid::from_u128(7));
    let declared = Event::Declared { facts: BTreeSet::new(), declaration: Uuid::from_u128(1) };
    let state = apply(&HealthState::undeclared(now), &declared, &rules, now).expect("declared").state;
    let matched = Event::Matched { kind: RecordKind::CloseContact, record };
    (apply(&state, &matched, &rules, now).expect("matched").state, record)
}

fn reviewed(state: &HealthState, facts: &[Fact], because: Review, rules: &RuleSet) -> Outcome {
    let event = Event::Reviewed { facts: facts.iter().copied().collect(), because };
    apply(state, &event, rules, at("2020-02-13T08:00:00+08:00")).expect("reviewed")
}

#[test]
fn a_warning_that_was_taken_back_gives_the_colour_back() {
    let (red, record) = red_by_contact();
    let rules = RuleSet::shipped();
    let back = Review::Withdrawn { evidence: record };
    let green = reviewed(&red, &[Fact::Declared], back, &rules);
    assert_eq!((green.state.colour, green.state.reason.as_str()), (Colour::Green, "withdrawn"));
    let yellow = reviewed(&red, &[Fact::Declared, Fact::RecordKeyArea], back, &rules);
    assert_eq!((yellow.state.colour, yellow.state.left), (Colour::Yellow, 7));
    assert_eq!(yellow.state.rule.as_deref(), Some("key-area"), "what else is known still counts");
    assert_eq!(yellow.changes.last().map(|c| (c.to, c.days_left)), Some((Colour::Yellow, 7)));
    let other = Review::Withdrawn { evidence: Uuid::from_u128(8) };
    assert_eq!(reviewed(&red, &[Fact::Declared], other, &rules).state.colour, Colour::Red);
}

#[test]
fn new_rules_move_a_colour_both_ways() {
    let (red, record) = red_by_contact();
    let mut milder = RuleSet::shipped();
    for rule in milder.rules.iter_mut().filter(|r| r.id == "close-contact") {
        rule.colour = Colour::Yellow;
    }
    let facts = [Fact::Declared, Fact::RecordCloseContact];
    let because = Review::RulesChanged { evidence: record };
    assert_eq!(
        reviewed(&red, &facts, because, &RuleSet::shipped()).changes,
        [],
        "nothing new, nothing written"
    );
    let yellow = reviewed(&red, &facts, because, &milder).state;
    assert_eq!((yellow.colour, yellow.left, yellow.reason.as_str()), (Colour::Yellow, 7, "close_contact"));
    let again = reviewed(&yellow, &facts, because, &RuleSet::shipped());
    assert_eq!((again.state.colour, again.state.left), (Colour::Red, 14));
}

#[test]
fn a_decision_by_a_person_stands_when_rules_change() {
    let (red, record) = red_by_contact();
    let decided = HealthState { rule: None, ..red };
    let because = Review::RulesChanged { evidence: record };
    assert_eq!(reviewed(&decided, &[Fact::Declared], because, &RuleSet::shipped()).state.colour, Colour::Red);
}

#[test]
fn time_alone_turns_what_is_under_way_or_expires() {
    let rules = RuleSet::shipped();
    let day = |d| chrono::NaiveDate::from_ymd_opt(2020, 2, d);
    let (red, _) = red_by_contact();
    assert_eq!(red.turns_on(&rules), None, "nothing counted yet: nothing to miss");
    let counted = HealthState { left: 13, checked_on: day(12), ..red.clone() };
    assert_eq!(counted.turns_on(&rules), day(14));
    for (on, turned) in [("2020-02-13T23:59:59+08:00", false), ("2020-02-14T00:00:00+08:00", true)] {
        let done = apply(&counted, &Event::DayTurned, &rules, at(on)).expect("a day");
        assert_eq!(!done.changes.is_empty(), turned, "{on}");
    }
    let green = HealthState { colour: Colour::Green, required: 0, left: 0, valid_from: day(1), ..red };
    assert_eq!(green.turns_on(&rules), chrono::NaiveDate::from_ymd_opt(2020, 3, 3));
    for (on, turned) in [("2020-03-02T23:59:59+08:00", false), ("2020-03-03T00:00:00+08:00", true)] {
        let done = apply(&green, &Event::DayTurned, &rules, at(on)).expect("a day");
        assert_eq!(!done.changes.is_empty(), turned, "{on}");
    }
}
