//! Which rules match what is known of somebody, and why the result is what it is.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Colour, Fact, Rule, RuleSet};

crate::macros::words! {
    /// Why one of the rules that match decides.
    Because {
        /// It is the only one.
        OnlyMatch = "only_match",
        /// Its colour is worse than that of all others.
        WorstColour = "worst_colour",
        /// Of those with its colour it asks for more days than all others.
        MostDays = "most_days",
        /// Of those with its colour and its days it stands first.
        First = "first",
    }
}

/// A rule that matches, and the facts that it matches by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'a> {
    pub rule: &'a Rule,
    pub facts: BTreeSet<Fact>,
    pub days: u16,
}

/// The rule that decides, the other rules that match, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    pub rule_set: &'a str,
    pub version: u32,
    pub winner: Match<'a>,
    /// In the order of the rule set.
    pub others: Vec<Match<'a>>,
    pub because: Because,
}

/// Applies the rules to these facts; `None` when no rule matches, which colours nobody.
pub fn explain<'a>(facts: &BTreeSet<Fact>, rules: &'a RuleSet) -> Option<Explanation<'a>> {
    let (place, winner) = rules.winner(facts)?;
    let matched = |rule: &'a Rule| {
        let named = rule.all.iter().chain(&rule.any).chain(&rule.with);
        let facts = named.filter(|fact| facts.contains(fact)).copied().collect();
        Match { rule, facts, days: rules.days_of(rule) }
    };
    let others = rules.rules.iter().enumerate().filter(|(i, rule)| *i != place && rule.matches(facts));
    let others: Vec<Match<'a>> = others.map(|(_, rule)| matched(rule)).collect();
    let winner = matched(winner);
    let because = because(&winner, &others);
    Some(Explanation { rule_set: &rules.id, version: rules.version, winner, others, because })
}

fn because(winner: &Match<'_>, others: &[Match<'_>]) -> Because {
    let mut alike = others.iter().filter(|other| other.rule.colour == winner.rule.colour).peekable();
    if others.is_empty() {
        Because::OnlyMatch
    } else if alike.peek().is_none() {
        Because::WorstColour
    } else if alike.all(|other| other.days < winner.days) {
        Because::MostDays
    } else {
        Because::First
    }
}

impl RuleSet {
    /// The rule that decides.
    pub fn decisive(&self, facts: &BTreeSet<Fact>) -> Option<&Rule> {
        self.winner(facts).map(|(_, rule)| rule)
    }

    /// The rule that decides, and its place.
    pub(super) fn winner(&self, facts: &BTreeSet<Fact>) -> Option<(usize, &Rule)> {
        let matching = self.rules.iter().enumerate().filter(|(_, rule)| rule.matches(facts));
        matching.max_by_key(|(place, rule)| (self.weight(rule), Reverse(*place)))
    }

    /// How heavy a rule is, its place left out.
    pub(super) fn weight(&self, rule: &Rule) -> (Colour, u16) {
        (rule.colour, self.days_of(rule))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[Fact::Declared], "healthy", Because::OnlyMatch, &[])]
    #[case(&[Fact::Declared, Fact::DeclaredSymptom], "symptoms", Because::WorstColour, &["healthy"])]
    #[case(&[Fact::Declared, Fact::DeclaredSymptom, Fact::RecordKeyArea], "key-area-with-symptoms", Because::WorstColour, &["symptoms", "key-area", "healthy"])]
    #[case(&[Fact::RecordCloseContact, Fact::FalseDeclaration], "false-declaration", Because::First, &["close-contact"])]
    fn the_heaviest_rule_decides(
        #[case] facts: &[Fact],
        #[case] winner: &str,
        #[case] because: Because,
        #[case] others: &[&str],
    ) {
        let rules = RuleSet::shipped();
        let facts = facts.iter().copied().collect();
        let found = explain(&facts, &rules).expect("a rule matches");
        assert_eq!((found.winner.rule.id.as_str(), found.because), (winner, because));
        assert_eq!(found.others.iter().map(|m| m.rule.id.as_str()).collect::<Vec<_>>(), others);
        assert!(found.winner.facts.is_subset(&facts) && !found.winner.facts.is_empty());
    }

    #[test]
    fn more_days_weigh_more_than_an_earlier_place() {
        let mut rules = RuleSet::shipped();
        rules.rules.iter_mut().filter(|r| r.id == "symptoms").for_each(|r| r.days = Some(10));
        let facts = BTreeSet::from([Fact::Declared, Fact::DeclaredSymptom, Fact::GateFever]);
        let found = explain(&facts, &rules).expect("a rule matches");
        assert_eq!((found.winner.rule.id.as_str(), found.because), ("symptoms", Because::MostDays));
    }

    #[test]
    fn nothing_follows_from_a_notice_of_level_1() {
        assert_eq!(explain(&BTreeSet::from([Fact::NoticeLevel1]), &RuleSet::shipped()), None);
    }
}
