//! What follows for one person from one entry of an official list that fits.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use mashang_domain::health::{Event, Fact, RuleSet, contradictions};
use mashang_domain::person::Actor;
use mashang_domain::time::day_of_number;
use uuid::Uuid;

use super::Happening;
use crate::bugs::{self, Bug};
use crate::store::health_match::Noted;
use crate::store::health_record::Entry;

/// What somebody's declaration states, and on which day.
pub(super) struct Stated {
    pub facts: BTreeSet<Fact>,
    pub on: NaiveDate,
    pub identity_hash: Vec<u8>,
}

/// What is known by evidence already: whether the code became lighter since, or it was taken back.
#[derive(Default)]
pub(super) struct Known(HashMap<(Uuid, Uuid, Fact), bool>);

impl Known {
    pub fn of(noted: &[Noted]) -> Self {
        let row = |n: &Noted| n.fact().map(|fact| ((n.person_id, n.evidence, fact), n.served));
        Self(noted.iter().filter_map(row).collect())
    }

    pub fn has(&self, person: Uuid, evidence: Uuid, fact: Fact) -> bool {
        self.0.contains_key(&(person, evidence, fact))
    }

    fn served(&self, person: Uuid, evidence: Uuid, fact: Fact) -> bool {
        self.0.get(&(person, evidence, fact)).copied().unwrap_or(false)
    }
}

/// What happens to `person`: the entry colours them, once; and it makes a declaration that denies it a false one. What
/// somebody has served contradicts no later declaration, and an entry about another document than the declared one, which
/// fits by the number alone, contradicts none.
pub(super) fn follows(
    person: Uuid,
    entry: &Entry,
    stated: Option<&Stated>,
    known: &Known,
    today: NaiveDate,
    rules: &RuleSet,
    actor: &Actor,
) -> Vec<Happening> {
    let mut events = Vec::with_capacity(2);
    let over = entry.is_over(today);
    if !over && !known.has(person, entry.id, entry.kind.fact()) {
        events.push(Event::Matched { kind: entry.kind, record: entry.id });
    }
    let denied = stated.is_some_and(|stated| {
        let same = entry.identity_hash.as_ref().is_none_or(|hash| *hash == stated.identity_hash);
        let in_time = !over || entry.ends_on.is_some_and(|day| stated.on <= day_of_number(day));
        let record = [(entry.kind, day_of_number(entry.day))];
        same && in_time && !contradictions(&stated.facts, stated.on, &record, &rules.contradicts).is_empty()
    });
    let told = known.has(person, entry.id, Fact::FalseDeclaration);
    let denied = denied && !bugs::has(Bug::DenialIgnored);
    if denied && !told && !known.served(person, entry.id, entry.kind.fact()) {
        events.push(Event::Contradicted { record: entry.id });
    }
    let happening =
        |event| Happening { person, division: entry.division_code.clone(), event, actor: actor.clone() };
    events.into_iter().map(happening).collect()
}
