//! One step of the colour machine under way: the state as it becomes, and the history that is written with it.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use uuid::Uuid;

use super::{
    Change, ChangeKind, Colour, Fact, HealthState, Integrity, Outcome, Reason, Refused, Rule, RuleSet,
};
use crate::time::Timestamp;

pub(super) struct Work<'a> {
    pub state: HealthState,
    pub today: NaiveDate,
    rules: &'a RuleSet,
    /// The later of `now` and the last event: no history goes back.
    at: Timestamp,
    behind: bool,
    changes: Vec<Change>,
    integrity: Option<Integrity>,
}

impl<'a> Work<'a> {
    /// Begins with what the days since the last event have done: a missed day, an expired declaration.
    pub fn begin(state: &HealthState, rules: &'a RuleSet, now: Timestamp) -> Self {
        let at = now.max(state.last_at);
        let state = HealthState { last_at: at, ..state.clone() };
        let behind = now < at;
        let mut work =
            Self { state, today: at.shanghai_day(), rules, at, behind, changes: Vec::new(), integrity: None };
        work.settle();
        work
    }

    pub fn done(self) -> Outcome {
        Outcome { state: self.state, changes: self.changes, integrity: self.integrity }
    }

    /// What lightens a colour needs a clock that has not gone back.
    pub fn lightens(&self) -> Result<(), Refused> {
        if self.behind { Err(Refused::ClockBehind) } else { Ok(()) }
    }

    fn settle(&mut self) {
        let s = &self.state;
        let under_way = s.is_restricted() && s.left > 0 && s.left < s.required;
        let yesterday = self.today.checked_sub_days(Days::new(1));
        if under_way && s.checked_on < yesterday {
            self.state.left = self.state.required;
            self.note(ChangeKind::Day, self.state.colour, Reason::DayMissed.as_str(), None);
        }
        if self.state.colour == Colour::Green && !self.is_valid() {
            self.turn(ChangeKind::Day, Colour::Grey, Reason::Expired, None);
        }
    }

    /// Whether a declaration is valid today.
    fn is_valid(&self) -> bool {
        let days = u64::from(self.rules.green_valid_days);
        let until = |from: NaiveDate| from.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
        self.state.valid_from.is_some_and(|from| days == 0 || self.today <= until(from))
    }

    /// A check-in keeps a declaration valid, and does not revive one that has expired.
    pub fn extend_validity(&mut self) {
        if self.is_valid() && !self.behind {
            self.state.valid_from = Some(self.today);
        }
    }

    /// Applies the rules to these facts. What they ask for is added to what is asked for already: a colour never becomes
    /// milder, and no fewer days are left than before.
    pub fn meet(&mut self, kind: ChangeKind, facts: &BTreeSet<Fact>, evidence: Uuid) {
        let Some((place, rule)) = self.rules.winner(facts) else { return };
        let same = self.state.rule.as_ref() == Some(&rule.id) && self.state.evidence == Some(evidence);
        let known = same && self.state.colour >= rule.colour;
        if known {
            return;
        }
        let (from, left) = (self.state.colour, self.state.left);
        self.count(rule);
        self.state.colour = from.max(rule.colour);
        if self.state.colour > from || (rule.colour == from && self.explains_better(place)) {
            let since = if self.state.colour > from { self.at } else { self.state.since };
            let reason = rule.reason.clone();
            let s = &mut self.state;
            (s.since, s.reason, s.rule, s.evidence) = (since, reason, Some(rule.id.clone()), Some(evidence));
        }
        if self.state.colour > from || self.state.left > left {
            self.note_rule(kind, from, rule, evidence);
        }
        if facts.contains(&Fact::FalseDeclaration) {
            self.integrity = Some(Integrity { at: self.at, rule: rule.id.clone(), evidence });
        }
    }

    /// Days that are done are done: after them a rule asks for its own days only.
    fn count(&mut self, rule: &Rule) {
        let days = self.rules.days_of(rule);
        let served = self.state.awaits_release();
        self.state.required = if served && days > 0 { days } else { self.state.required.max(days) };
        self.state.left = self.state.left.max(days);
    }

    /// Of rules with one colour the one that stands first is the reason.
    fn explains_better(&self, place: usize) -> bool {
        let present = self.state.rule.as_deref().and_then(|id| self.rules.rule(id));
        present.is_none_or(|(other, _)| place <= other)
    }

    /// A symptom was seen: the whole count starts again, and no check-in of today counts.
    pub fn observe(&mut self, kind: ChangeKind, fact: Fact, evidence: Uuid) {
        let before = self.state.required;
        let (left, written) = (self.state.left, self.changes.len());
        self.meet(kind, &BTreeSet::from([fact]), evidence);
        let required = self.state.required.max(before);
        self.state.required = required;
        self.state.left = required;
        self.state.checked_on = Some(self.today);
        match self.changes.get_mut(written) {
            Some(change) => change.days_left = required,
            None if required > left => {
                let reason = self.rules.winner(&BTreeSet::from([fact])).map(|(_, rule)| rule);
                if let Some(rule) = reason {
                    self.note_rule(kind, self.state.colour, rule, evidence);
                }
            }
            None => {}
        }
    }

    /// The days are done: green, unless red has to be released.
    pub fn finish(&mut self, kind: ChangeKind, evidence: Option<Uuid>) {
        if self.state.colour == Colour::Red && self.rules.red_release_needs_approval {
            self.note(kind, Colour::Red, Reason::AwaitingRelease.as_str(), evidence);
        } else {
            self.turn(kind, Colour::Green, Reason::Completed, evidence);
        }
    }

    /// Sets a colour by a decision or by the passing of days. Green without a valid declaration is grey.
    pub fn turn(&mut self, kind: ChangeKind, to: Colour, reason: Reason, evidence: Option<Uuid>) {
        let from = self.state.colour;
        let declared = self.state.valid_from.is_some();
        let (to, shown) = match to {
            Colour::Grey | Colour::Green if !declared => (Colour::Grey, Reason::NotDeclared),
            Colour::Grey | Colour::Green if !self.is_valid() => (Colour::Grey, Reason::Expired),
            Colour::Grey | Colour::Green | Colour::Yellow | Colour::Red => (to, reason),
        };
        let days = self.rules.days(to);
        let s = &mut self.state;
        // A decision for a worse colour takes no days away.
        let kept = if to > from { s.left } else { 0 };
        (s.required, s.left) = (days.max(kept), days.max(kept));
        (s.colour, s.since, s.reason) = (to, self.at, shown.to_string());
        (s.rule, s.evidence) = (None, evidence);
        if to == Colour::Grey {
            s.valid_from = None;
        }
        self.note(kind, from, reason.as_str(), evidence);
    }

    /// Names the rule that the present colour rests on.
    pub fn rest_on(&mut self, rule: &Rule) {
        let days = self.rules.days_of(rule);
        let s = &mut self.state;
        (s.rule, s.reason, s.required, s.left) = (Some(rule.id.clone()), rule.reason.clone(), days, days);
        if let Some(change) = self.changes.last_mut() {
            (change.rule, change.days_left) = (Some(rule.id.clone()), days);
        }
    }

    pub fn note(&mut self, kind: ChangeKind, from: Colour, reason: &str, evidence: Option<Uuid>) {
        self.changes.push(Change {
            kind,
            at: self.at,
            from,
            to: self.state.colour,
            reason: reason.to_owned(),
            rule: self.state.rule.clone(),
            rule_set: self.rules.id.clone(),
            rule_version: self.rules.version,
            days_left: self.state.left,
            evidence,
        });
    }

    fn note_rule(&mut self, kind: ChangeKind, from: Colour, rule: &Rule, evidence: Uuid) {
        self.note(kind, from, &rule.reason, Some(evidence));
        if let Some(change) = self.changes.last_mut() {
            change.rule = Some(rule.id.clone());
        }
    }
}
