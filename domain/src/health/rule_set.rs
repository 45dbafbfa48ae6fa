//! A rule set: conditions and what they lead to, as data with an id and a version.
//!
//! It is written in TOML. What does not parse, and what parses and makes no sense, is refused with the rule it is in;
//! nothing applies a rule set that has not been checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Colour, Fact, Fault, RecordKind, Temperature};

/// The rules that are shipped.
const SHIPPED: &str = include_str!("rules.toml");

/// Stands for the days of its rule in a text.
pub(super) const DAYS: &str = "{days}";

crate::macros::words! {
    /// What moves a colour, or a count of days, besides the facts of a rule.
    Reason {
        NotDeclared = "not_declared", Expired = "expired", DayMissed = "day_missed", Completed = "completed",
        AwaitingRelease = "awaiting_release", QuarantineCompleted = "quarantine_completed", Released = "released",
        Manual = "manual", AppealGranted = "appeal_granted", RulesChanged = "rules_changed", Withdrawn = "withdrawn",
    }
}

/// What people read, Chinese first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub zh: String,
    pub en: String,
}

/// One rule: a condition, and the colour it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    /// All of these hold.
    #[serde(default)]
    pub all: BTreeSet<Fact>,
    /// At least one of these holds; none named = no condition.
    #[serde(default)]
    pub any: BTreeSet<Fact>,
    /// At least one of these holds as well.
    #[serde(default)]
    pub with: BTreeSet<Fact>,
    pub colour: Colour,
    /// Days of this rule; those of its colour where it names none.
    pub days: Option<u16>,
    /// Whether a completed quarantine on record stands for the days.
    #[serde(default)]
    pub quarantine_ends: bool,
    /// What clients see as the reason's code.
    pub reason: String,
    pub zh: String,
    pub en: String,
}

impl Rule {
    /// Whether these facts meet the condition.
    pub fn matches(&self, facts: &BTreeSet<Fact>) -> bool {
        let one_of = |wanted: &BTreeSet<Fact>| wanted.is_empty() || !wanted.is_disjoint(facts);
        self.all.is_subset(facts) && one_of(&self.any) && one_of(&self.with)
    }
}

/// The rules of the health code and their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    pub id: String,
    /// Grows with every change of the text.
    pub version: u32,
    pub fever: Temperature,
    /// Days that green is valid after the declaration or the last check-in; 0 = for ever.
    pub green_valid_days: u16,
    pub red_release_needs_approval: bool,
    pub yellow_days: u16,
    pub red_days: u16,
    /// Lists whose entries make a declaration that denies them a false one.
    pub contradicts: BTreeSet<RecordKind>,
    pub rules: Vec<Rule>,
    pub reasons: BTreeMap<Reason, Text>,
}

/// Why a text is no rule set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleSetError {
    /// Not TOML, an unknown word, or a field too many or too few; the message names the line.
    #[error("{0}")]
    Syntax(String),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Fault>),
}

impl RuleSet {
    /// Reads a rule set and checks it.
    pub fn parse(text: &str) -> Result<Self, RuleSetError> {
        let rules: Self = toml::from_str(text).map_err(|e| RuleSetError::Syntax(e.to_string()))?;
        let faults = rules.faults();
        if faults.is_empty() { Ok(rules) } else { Err(RuleSetError::Faults(faults)) }
    }

    /// The rules that are shipped, in their one version.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).unwrap_or_else(|e| unreachable!("a test reads the shipped rules: {e}"))
    }

    /// The text of [`RuleSet::shipped`].
    pub const fn shipped_text() -> &'static str {
        SHIPPED
    }

    /// The rule of this id, and its place.
    pub fn rule(&self, id: &str) -> Option<(usize, &Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.id == id)
    }

    /// Check-ins in a row that a rule asks for.
    pub fn days_of(&self, rule: &Rule) -> u16 {
        rule.days.unwrap_or(self.days(rule.colour))
    }

    /// Check-ins in a row that a colour asks for.
    pub fn days(&self, colour: Colour) -> u16 {
        match colour {
            Colour::Grey | Colour::Green => 0,
            Colour::Yellow => self.yellow_days,
            Colour::Red => self.red_days,
        }
    }

    /// The Chinese and the English text of a reason's code: of a rule, with its days, or one of ours.
    pub fn text(&self, code: &str) -> Option<(String, String)> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.reason == code) {
            let fill = |text: &str| text.replace(DAYS, &self.days_of(rule).to_string());
            return Some((fill(&rule.zh), fill(&rule.en)));
        }
        let text = self.reasons.get(&code.parse::<Reason>().ok()?)?;
        Some((text.zh.clone(), text.en.clone()))
    }
}
