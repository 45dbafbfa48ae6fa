//! Events of many people, applied together.

use std::collections::{BTreeSet, HashMap, HashSet};

use mashang_domain::health::{
    Authorised, ChangeKind, Event, Fact, HealthState, IntegrityKind, Outcome, Refused, ReminderKind, RuleSet,
    Temperature, apply as step,
};
use mashang_domain::person::Actor;
use mashang_domain::time::{Timestamp, day_number};
use mashang_entity::{health, health_change, integrity_record};
use rand::TryRng;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::row::{change_row, put_state, state_of, undeclared};
use crate::bugs::{self, Bug};
use crate::store::{health as store, reminder};

/// Something that happens to a person's code.
#[derive(Debug, Clone)]
pub struct Happening {
    pub person: Uuid,
    /// Where the person belongs; that of a declaration holds from then on, any other only for who has no code yet.
    pub division: String,
    pub event: Event,
    pub actor: Actor,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The state after it, with what the history got; nothing where nothing changed.
    Applied(Outcome),
    /// This evidence was known before.
    Known,
    Refused(Refused),
}

/// Whose history got something by these events.
pub(super) fn changed(happenings: &[Happening], done: &[Done]) -> Vec<Uuid> {
    let wrote = |done: &Done| matches!(done, Done::Applied(outcome) if !outcome.changes.is_empty());
    happenings.iter().zip(done).filter(|(_, done)| wrote(done)).map(|(h, _)| h.person).collect()
}

/// Everybody concerned, while the events are applied.
struct Work<'a> {
    rules: &'a RuleSet,
    now: Timestamp,
    rows: HashMap<Uuid, health::Model>,
    known: HashMap<Uuid, BTreeSet<Fact>>,
    touched: HashSet<Uuid>,
    changes: Vec<health_change::Model>,
    integrity: Vec<integrity_record::Model>,
    reminders: Vec<(Uuid, ReminderKind)>,
}

/// Applies events in their order; the answers are in the same order. Call it in a writing transaction, and drop the cached
/// codes of these people after the commit.
///
/// # Errors
/// When the database fails; a refusal by the rules is an answer.
pub async fn apply(
    tx: &impl ConnectionTrait,
    rules: &RuleSet,
    happenings: &[Happening],
    now: Timestamp,
) -> Result<Vec<Done>, DbErr> {
    let people: Vec<Uuid> =
        happenings.iter().map(|h| h.person).collect::<BTreeSet<_>>().into_iter().collect();
    let rows = store::take(tx, &people).await?;
    let known = store::known_facts(tx, &people).await?;
    let facts: Vec<(Uuid, Uuid, Fact)> = happenings.iter().flat_map(|h| facts_of(h, rules)).collect();
    let new = store::add_facts(tx, &facts, now).await?;
    let mut work = Work {
        rules,
        now,
        rows,
        known,
        touched: HashSet::new(),
        changes: Vec::new(),
        integrity: Vec::new(),
        reminders: Vec::new(),
    };
    let mut done = Vec::with_capacity(happenings.len());
    for happening in happenings {
        done.push(work.one(happening, &new)?);
    }
    let touched = work.touched.iter().filter_map(|person| work.rows.get(person).cloned()).collect();
    store::put(tx, touched).await?;
    store::add_changes(tx, work.changes).await?;
    store::add_integrity(tx, work.integrity).await?;
    reminder::add(tx, &work.reminders, day_number(now.shanghai_day()), now).await?;
    Ok(done)
}

/// Gives somebody of whom nothing is known a code, or answers the one they have.
///
/// # Errors
/// When the database fails.
pub async fn begin(tx: &impl ConnectionTrait, person: Uuid, now: Timestamp) -> Result<health::Model, DbErr> {
    if let Some(row) = store::take(tx, &[person]).await?.remove(&person) {
        return Ok(row);
    }
    let row = undeclared(person, "", code_ref()?, now);
    store::put(tx, vec![row.clone()]).await?;
    Ok(row)
}

impl Work<'_> {
    fn one(&mut self, happening: &Happening, new: &HashSet<(Uuid, Uuid)>) -> Result<Done, DbErr> {
        let Happening { person, division, event, actor } = happening;
        let facts = facts_of(happening, self.rules);
        let known = facts.first().is_some_and(|(person, evidence, _)| !new.contains(&(*person, *evidence)));
        if known && !bugs::has(Bug::EvidenceTwice) {
            return Ok(Done::Known);
        }
        let mut row = match self.rows.get(person) {
            Some(row) => row.clone(),
            None => undeclared(*person, division, code_ref()?, self.now),
        };
        if let Event::Declared { declaration, .. } = event {
            (row.division_code, row.declaration_id) = (division.clone(), Some(*declaration));
        }
        let before = state_of(&row);
        let mut outcome = match step(&before, event, self.rules, self.now) {
            Ok(outcome) => outcome,
            Err(refused) => return Ok(Done::Refused(refused)),
        };
        self.combine(*person, event, &facts, &mut outcome);
        self.write(row, &before, &outcome, event, actor);
        Ok(Done::Applied(outcome))
    }

    /// Lets what was known and what is new count together, where that means more than each by itself.
    fn combine(&mut self, person: Uuid, event: &Event, facts: &[(Uuid, Uuid, Fact)], outcome: &mut Outcome) {
        let known = self.known.entry(person).or_default();
        if matches!(event, Event::Declared { .. }) {
            known.retain(|fact| !fact.is_declared());
        }
        let before = known.clone();
        let new: BTreeSet<Fact> = facts.iter().map(|(_, _, fact)| *fact).collect();
        known.extend(&new);
        let all = with_declared(known, &outcome.state);
        let Some((_, evidence, _)) = facts.first() else { return };
        let winner = |facts: &BTreeSet<Fact>| self.rules.decisive(facts).map(|rule| rule.id.as_str());
        let together = winner(&all);
        if together == winner(&with_declared(&before, &outcome.state)) || together == winner(&new) {
            return;
        }
        let combined = Event::Combined { facts: all, evidence: *evidence };
        if let Ok(more) = step(&outcome.state, &combined, self.rules, self.now) {
            outcome.state = more.state;
            outcome.changes.extend(more.changes);
            outcome.integrity = outcome.integrity.take().or(more.integrity);
        }
    }

    fn write(
        &mut self,
        mut row: health::Model,
        before: &HealthState,
        outcome: &Outcome,
        event: &Event,
        actor: &Actor,
    ) {
        let undisturbed = outcome.changes.is_empty() && outcome.state == *before;
        let nobody = !self.rows.contains_key(&row.person_id);
        if undisturbed && nobody {
            return;
        }
        put_state(&mut row, &outcome.state, self.rules);
        let by_hand = match event {
            Event::Manual(change) => Some(change),
            _ => None,
        };
        if outcome.state.colour != before.colour {
            row.set_by = by_hand.map(|change| change.change().by);
            row.set_second = by_hand.and_then(|change| change.change().second);
        }
        if outcome.changes.iter().any(serves) {
            row.cleared_at = Some(outcome.state.last_at);
            self.known.entry(row.person_id).or_default().clear();
        }
        let told = outcome.changes.iter().filter_map(ReminderKind::of);
        self.reminders.extend(told.map(|kind| (row.person_id, kind)));
        let second = by_hand.and_then(second_of);
        let changes = outcome.changes.iter().cloned();
        self.changes.extend(changes.map(|change| change_row(&row, change, actor, second)));
        self.integrity.extend(outcome.integrity.as_ref().map(|entry| integrity_record::Model {
            id: Uuid::now_v7(),
            person_id: row.person_id,
            division_code: row.division_code.clone(),
            kind: IntegrityKind::FalseDeclaration,
            refers_to: None,
            rule: entry.rule.clone(),
            declaration_id: row.declaration_id,
            evidence: entry.evidence,
            actor_kind: actor.kind().to_owned(),
            actor_id: actor.id(),
            at: entry.at,
        }));
        self.touched.insert(row.person_id);
        self.rows.insert(row.person_id, row);
    }
}

/// Whether a change settles what was known before it.
fn serves(change: &mashang_domain::health::Change) -> bool {
    let decided = matches!(
        change.kind,
        ChangeKind::CheckIn
            | ChangeKind::Quarantine
            | ChangeKind::Release
            | ChangeKind::Manual
            | ChangeKind::Appeal
    );
    decided && change.to < change.from
}

fn second_of(change: &Authorised) -> Option<Uuid> {
    change.change().second
}

fn with_declared(facts: &BTreeSet<Fact>, state: &HealthState) -> BTreeSet<Fact> {
    let mut facts = facts.clone();
    facts.extend(state.valid_from.map(|_| Fact::Declared));
    facts
}

/// What is known by an event, with its evidence.
fn facts_of(happening: &Happening, rules: &RuleSet) -> Vec<(Uuid, Uuid, Fact)> {
    let of = |evidence: Uuid, fact: Fact| vec![(happening.person, evidence, fact)];
    let hot = |temperature: Temperature| temperature >= rules.fever;
    match &happening.event {
        Event::Declared { facts, declaration } => {
            let declared = facts.iter().copied().filter(|fact| fact.is_declared());
            let all: BTreeSet<Fact> = declared.chain([Fact::Declared]).collect();
            all.into_iter().map(|fact| (happening.person, *declaration, fact)).collect()
        }
        Event::Matched { kind, record } => of(*record, kind.fact()),
        Event::Contradicted { record } => of(*record, Fact::FalseDeclaration),
        Event::Notice { level: 2, notice } => of(*notice, Fact::NoticeLevel2),
        Event::Notice { level: 3, notice } => of(*notice, Fact::NoticeLevel3),
        Event::GateTemperature { temperature, gate_event } if hot(*temperature) => {
            of(*gate_event, Fact::GateFever)
        }
        Event::CheckIn { symptoms, temperature, check_in } => {
            let abnormal = !symptoms.is_empty() || temperature.is_some_and(hot);
            if abnormal { of(*check_in, Fact::CheckInAbnormal) } else { Vec::new() }
        }
        Event::Notice { .. }
        | Event::GateTemperature { .. }
        | Event::DayTurned
        | Event::Combined { .. }
        | Event::Reviewed { .. }
        | Event::QuarantineCompleted { .. }
        | Event::Released { .. }
        | Event::Manual(_)
        | Event::AppealGranted { .. } => Vec::new(),
    }
}

fn code_ref() -> Result<i64, DbErr> {
    let mut bytes = [0; 8];
    let filled = rand::rngs::SysRng.try_fill_bytes(&mut bytes);
    filled.map_err(|_| DbErr::Custom("the system's random source failed".to_owned()))?;
    Ok(i64::from_be_bytes(bytes))
}
