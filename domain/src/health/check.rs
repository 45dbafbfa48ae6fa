//! What is wrong with a rule set: each fault with the rule it is in.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use super::rule_set::{DAYS, Text};
use super::{Colour, Fact, Reason, Rule, RuleSet};

/// More days than this in a row are a slip of the pen.
const MOST_DAYS: u16 = 60;

/// Facts that something must follow from. Level 1 notices inform and colour nobody.
const NEEDED: &[Fact] = &[
    Fact::Declared,
    Fact::RecordConfirmed,
    Fact::RecordCloseContact,
    Fact::RecordKeyArea,
    Fact::RecordQuarantine,
    Fact::FalseDeclaration,
    Fact::NoticeLevel2,
    Fact::NoticeLevel3,
    Fact::GateFever,
    Fact::CheckInAbnormal,
];

/// A fault, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The id of the rule, or the name of the setting.
    pub place: String,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    #[error("the name is not of small letters, digits, hyphens and underscores")]
    Name,
    #[error("another rule has the same id")]
    Duplicate,
    #[error("the reason's code is that of another text")]
    ReasonTaken,
    #[error("it has no condition")]
    NoCondition,
    #[error("it can never win: rule `{0}` matches whenever it does, and is no milder")]
    Hidden(String),
    #[error("grey is the absence of a declaration, no rule leads to it")]
    LeadsToGrey,
    #[error("green takes no days")]
    DaysOfGreen,
    #[error("1 to {MOST_DAYS} days are wanted")]
    Days,
    #[error("the Chinese text is missing, or not Chinese")]
    Chinese,
    #[error("the English text is missing")]
    English,
    #[error("a text has a placeholder other than {{days}}, or one where there are no days")]
    Placeholder,
    #[error("the threshold of fever lies between 35.5 and 42 °C (355 to 420)")]
    Fever,
    #[error("versions begin at 1")]
    Version,
    #[error("no rule follows from it alone")]
    Unanswered,
    #[error("a false declaration is red at once")]
    FalseNotRed,
    #[error("a declaration alone is green")]
    DeclarationNotGreen,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)
    }
}

impl RuleSet {
    /// Everything that is wrong with it, in its order.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |wrong: bool, place: &str, kind: FaultKind| {
            if wrong {
                faults.push(Fault { place: place.to_owned(), kind });
            }
        };
        check(!is_name(&self.id), "id", FaultKind::Name);
        check(self.version == 0, "version", FaultKind::Version);
        check(!(355..=420).contains(&self.fever.0), "fever", FaultKind::Fever);
        check(!is_days(self.yellow_days), "yellow_days", FaultKind::Days);
        check(!is_days(self.red_days), "red_days", FaultKind::Days);
        for (place, rule) in self.rules.iter().enumerate() {
            for kind in self.faults_of(place, rule) {
                check(true, &rule.id, kind);
            }
        }
        for reason in Reason::ALL {
            let text = self.reasons.get(reason);
            check(!text.is_some_and(|t| is_chinese(&t.zh)), reason.as_str(), FaultKind::Chinese);
            check(!text.is_some_and(|t| is_english(&t.en)), reason.as_str(), FaultKind::English);
            let stray = |t: &Text| [&t.zh, &t.en].iter().any(|text| text.contains(['{', '}']));
            check(text.is_some_and(stray), reason.as_str(), FaultKind::Placeholder);
        }
        for fact in NEEDED {
            let winner = self.winner(&BTreeSet::from([*fact])).map(|(_, rule)| rule.colour);
            check(winner.is_none(), fact.as_str(), FaultKind::Unanswered);
            let wrong = |wanted: Colour| winner.is_some_and(|colour| colour != wanted);
            check(
                *fact == Fact::FalseDeclaration && wrong(Colour::Red),
                fact.as_str(),
                FaultKind::FalseNotRed,
            );
            check(
                *fact == Fact::Declared && wrong(Colour::Green),
                fact.as_str(),
                FaultKind::DeclarationNotGreen,
            );
        }
        faults
    }

    fn faults_of(&self, place: usize, rule: &Rule) -> Vec<FaultKind> {
        let earlier = &self.rules[..place];
        let taken =
            |other: &Rule| other.reason == rule.reason && (&other.zh, &other.en) != (&rule.zh, &rule.en);
        let wins = |other: &Rule, at: usize| match self.weight(other).cmp(&self.weight(rule)) {
            Ordering::Greater => true,
            Ordering::Equal => at < place,
            Ordering::Less => false,
        };
        let mut all = self.rules.iter().enumerate();
        let hidden = all.find(|(at, other)| wins(other, *at) && implies(rule, other));
        let hidden = hidden.map(|(_, other)| FaultKind::Hidden(other.id.clone()));
        let no_condition = rule.all.is_empty() && rule.any.is_empty() && rule.with.is_empty();
        let days = match (rule.colour, rule.days) {
            (Colour::Green, Some(_)) => Some(FaultKind::DaysOfGreen),
            (Colour::Yellow | Colour::Red, Some(days)) if !is_days(days) => Some(FaultKind::Days),
            (Colour::Grey, _) => Some(FaultKind::LeadsToGrey),
            (Colour::Green | Colour::Yellow | Colour::Red, _) => None,
        };
        let simple = [
            (!is_name(&rule.id) || !is_name(&rule.reason), FaultKind::Name),
            (earlier.iter().any(|other| other.id == rule.id), FaultKind::Duplicate),
            (earlier.iter().any(taken) || rule.reason.parse::<Reason>().is_ok(), FaultKind::ReasonTaken),
            (no_condition, FaultKind::NoCondition),
            (!is_chinese(&rule.zh), FaultKind::Chinese),
            (!is_english(&rule.en), FaultKind::English),
            ([&rule.zh, &rule.en].iter().any(|text| has_stray(text, rule.colour)), FaultKind::Placeholder),
        ];
        let simple = simple.into_iter().filter(|(wrong, _)| *wrong).map(|(_, kind)| kind);
        simple.chain(days).chain(hidden.filter(|_| !no_condition)).collect()
    }
}

/// Whether every set of facts that meets `narrow` meets `wide`.
fn implies(narrow: &Rule, wide: &Rule) -> bool {
    let certain = |wanted: &BTreeSet<Fact>| {
        wanted.is_empty()
            || !wanted.is_disjoint(&narrow.all)
            || [&narrow.any, &narrow.with].iter().any(|some| !some.is_empty() && some.is_subset(wanted))
    };
    wide.all.is_subset(&narrow.all) && certain(&wide.any) && certain(&wide.with)
}

/// Whether a rule's text has braces that nothing fills.
fn has_stray(text: &str, colour: Colour) -> bool {
    let filled = if colour == Colour::Green { text.to_owned() } else { text.replace(DAYS, "") };
    filled.contains(['{', '}'])
}

fn is_days(days: u16) -> bool {
    (1..=MOST_DAYS).contains(&days)
}

fn is_name(text: &str) -> bool {
    let may = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(may)
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

fn is_english(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_alphabetic()) && !is_chinese(text)
}
