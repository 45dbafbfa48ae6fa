//! The rule set as data: the shipped one is sound, and each fault is found in its place.

use super::*;

#[test]
fn the_shipped_rules_are_sound_and_have_their_texts() {
    let rules = RuleSet::shipped();
    assert_eq!((rules.id.as_str(), rules.version), ("mashang", 1));
    assert_eq!((rules.yellow_days, rules.red_days, rules.fever), (7, 14, Temperature(373)));
    for reason in rules.rules.iter().map(|r| r.reason.as_str()).chain(Reason::ALL.iter().map(|r| r.as_str()))
    {
        let (zh, en) = rules.text(reason).expect("a text");
        assert!(zh.chars().any(|c| c > '\u{4e00}') && en.is_ascii(), "{reason}");
    }
    assert_eq!(rules.text("nonsense"), None);
    let (zh, en) = rules.text("close_contact").expect("a text");
    assert!(zh.contains("隔离14天") && en.contains("for 14 days"));
}

fn rule<'a>(rules: &'a mut RuleSet, id: &str) -> &'a mut Rule {
    rules.rules.iter_mut().find(|rule| rule.id == id).expect("a rule")
}

#[test]
fn each_fault_is_named_with_its_rule() {
    for (expected, spoil) in SPOILED {
        let mut rules = RuleSet::shipped();
        spoil(&mut rules);
        let found: Vec<String> = rules.faults().iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{expected}: {found:?}");
    }
}

type Spoil = fn(&mut RuleSet);

/// The beginning of a fault, and how to bring it about.
const SPOILED: &[(&str, Spoil)] = &[
    ("id: the name", |r| r.id = "A".to_owned()),
    ("version: versions begin", |r| r.version = 0),
    ("fever: the threshold", |r| r.fever = Temperature(37)),
    ("yellow_days: 1 to 60", |r| r.yellow_days = 0),
    ("red_days: 1 to 60", |r| r.red_days = 61),
    ("Gate: the name", |r| rule(r, "gate-fever").id = "Gate".to_owned()),
    ("gate-fever: another rule has the same id", |r| rule(r, "symptoms").id = "gate-fever".to_owned()),
    ("symptoms: the reason's code", |r| rule(r, "symptoms").reason = "gate_fever".to_owned()),
    ("symptoms: the reason's code", |r| rule(r, "symptoms").reason = "manual".to_owned()),
    ("gate-fever: it has no condition", |r| rule(r, "gate-fever").any.clear()),
    ("gate-fever: grey is the absence", |r| rule(r, "gate-fever").colour = Colour::Grey),
    ("gate-fever: 1 to 60", |r| rule(r, "gate-fever").days = Some(0)),
    ("healthy: green takes no days", |r| rule(r, "healthy").days = Some(7)),
    ("symptoms: the Chinese text", |r| rule(r, "symptoms").zh = "symptoms".to_owned()),
    ("symptoms: the English text", |r| rule(r, "symptoms").en.clear()),
    ("symptoms: a text has a placeholder", |r| rule(r, "symptoms").en.push_str("{day}")),
    ("healthy: a text has a placeholder", |r| rule(r, "healthy").zh.push_str("{days}")),
    ("manual: a text has a placeholder", |r| {
        r.reasons.values_mut().for_each(|text| text.zh.push_str("{days}"));
    }),
    ("manual: the Chinese text", |r| r.reasons.retain(|reason, _| *reason != Reason::Manual)),
    ("manual: the English text", |r| r.reasons.values_mut().for_each(|text| text.en.clear())),
    ("notice_level_3: no rule follows", |r| r.rules.retain(|rule| rule.id != "notice-3")),
    ("false_declaration: a false declaration", |r| rule(r, "false-declaration").colour = Colour::Yellow),
    ("declared: a declaration alone is green", |r| rule(r, "healthy").colour = Colour::Yellow),
    ("key-area-with-symptoms: it can never win: rule `confirmed`", |r| {
        rule(r, "confirmed").any.extend([Fact::DeclaredSymptom, Fact::DeclaredFever]);
    }),
];

#[test]
fn what_is_no_rule_set_is_refused() {
    let shipped = include_str!("../rules.toml");
    for (from, to, said) in [
        ("version = 1", "version = 1\nspeed = 3", "unknown field `speed`"),
        ("\"gate_fever\"]", "\"scan\"]", "unknown variant `scan`"),
        ("colour = \"green\"", "colour = \"blue\"", "unknown variant `blue`"),
        ("red_days = 14", "", "missing field `red_days`"),
        ("id = \"mashang\"", "id = ", "TOML parse error"),
    ] {
        assert!(shipped.contains(from), "{from}");
        match RuleSet::parse(&shipped.replacen(from, to, 1)) {
            Err(RuleSetError::Syntax(message)) => assert!(message.contains(said), "{message}"),
            other => panic!("{to}: {other:?}"),
        }
    }
    let two =
        shipped.replacen("version = 1", "version = 0", 1).replacen("yellow_days = 7", "yellow_days = 0", 1);
    let message = RuleSet::parse(&two).expect_err("refused").to_string();
    assert_eq!(message, "version: versions begin at 1; yellow_days: 1 to 60 days are wanted");
}
