//! Evidence that turned out to be wrong is taken back, and with it what came of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use mashang_domain::health::{Event, Fact, IntegrityKind, Review, RuleSet};
use mashang_domain::person::Actor;
use mashang_domain::time::Timestamp;
use mashang_entity::{health as codes, integrity_record};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{Happening, apply};
use crate::bugs::{self, Bug};
use crate::store::health;
use crate::store::health_match as people;

/// Takes back what is known by `evidence`, looks again at everybody whom it was known of, and lifts the entries of the
/// integrity record that rest on it. Answers whom it was known of.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(
    tx: &impl ConnectionTrait,
    rules: &RuleSet,
    evidence: &[Uuid],
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    let mut lost: HashMap<Uuid, (Uuid, BTreeSet<Fact>)> = HashMap::new();
    for noted in people::noted(tx, evidence).await?.iter().filter(|n| n.withdrawn_at.is_none()) {
        let (_, facts) = lost.entry(noted.person_id).or_insert_with(|| (noted.evidence, BTreeSet::new()));
        facts.extend(noted.fact());
    }
    let mut concerned: Vec<Uuid> = lost.keys().copied().collect();
    concerned.sort_unstable();
    let rows = health::take(tx, &concerned).await?;
    if !bugs::has(Bug::WithdrawnCounts) {
        health::withdraw(tx, evidence, now).await?;
    }
    let mut left = health::known_facts(tx, &concerned).await?;
    let resting: Vec<Uuid> = rows.values().filter_map(|row| row.evidence).collect();
    let noted = people::noted(tx, &resting).await?;
    let gone = noted.iter().filter(|n| n.withdrawn_at.is_some()).map(|n| (n.person_id, n.evidence));
    let gone: HashSet<(Uuid, Uuid)> = gone.collect();
    let review = |person: &Uuid| {
        let row = rows.get(person)?;
        let mut facts = left.remove(person).unwrap_or_default();
        facts.extend(row.valid_from.map(|_| Fact::Declared));
        let (evidence, lost) = lost.get(person)?;
        let ground =
            row.evidence.filter(|id| gone.contains(&(*person, *id)) || rested_on(row, rules, &facts, lost));
        let because = Review::Withdrawn { evidence: ground.unwrap_or(*evidence) };
        let event = Event::Reviewed { facts, because };
        Some(Happening { person: *person, division: row.division_code.clone(), event, actor: actor.clone() })
    };
    let happenings: Vec<Happening> = concerned.iter().filter_map(review).collect();
    apply(tx, rules, &happenings, now).await?;
    lift(tx, evidence, actor, now).await?;
    Ok(concerned)
}

/// Whether the rule that a code rests on matched by what is lost, together with the rest, and does not without it.
fn rested_on(row: &codes::Model, rules: &RuleSet, left: &BTreeSet<Fact>, lost: &BTreeSet<Fact>) -> bool {
    let rule = row.rule.as_deref().and_then(|id| rules.rule(id));
    let before: BTreeSet<Fact> = left.union(lost).copied().collect();
    rule.is_some_and(|(_, rule)| rule.matches(&before) && !rule.matches(left))
}

/// Lifts the entries that rest on any of this evidence and stand.
async fn lift(
    tx: &impl ConnectionTrait,
    evidence: &[Uuid],
    actor: &Actor,
    now: Timestamp,
) -> Result<(), DbErr> {
    let entries = people::integrity_by(tx, evidence).await?;
    let lifted: HashSet<Uuid> = entries.iter().filter_map(|e| e.refers_to).collect();
    let stands =
        |e: &&integrity_record::Model| e.kind == IntegrityKind::FalseDeclaration && !lifted.contains(&e.id);
    let lift = |e: &integrity_record::Model| integrity_record::Model {
        id: Uuid::now_v7(),
        kind: IntegrityKind::Lifted,
        refers_to: Some(e.id),
        actor_kind: actor.kind().to_owned(),
        actor_id: actor.id(),
        at: now,
        ..e.clone()
    };
    health::add_integrity(tx, entries.iter().filter(stands).map(lift).collect()).await
}
