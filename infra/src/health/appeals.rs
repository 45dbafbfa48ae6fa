//! Appeals: filed and withdrawn by citizens, decided on by officials who did not set the colour.
//!
//! Call these in a writing transaction; an error means that it is to be rolled back. The code of the person is held before
//! their appeal, always in this order.

use mashang_domain::health::appeal::{AppealFacts, AppealState, AppealStep, due_at, may_file, step};
use mashang_domain::health::{Colour, Event, HealthState, IntegrityKind, ReminderKind, as_of};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::day_number;
use mashang_entity::{appeal, health, integrity_record};
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::decision::{Bench, DecisionError, Official, move_code, open, seal};
use super::state_of;
use crate::bugs::{self, Bug};
use crate::keys::{Field, KeyRing, SealError};
use crate::store::{appeal as store, health as codes, reminder};

/// What a citizen writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    pub text: String,
    /// References of documents that speak for them.
    pub documents: Vec<String>,
}

/// What an official decides.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The colour that it leads to; none turns the appeal down.
    pub to: Option<Colour>,
    /// Told to the citizen.
    pub reason: String,
}

pub fn complaint_of(keys: &KeyRing, row: &appeal::Model, purpose: Purpose) -> Result<Complaint, SealError> {
    open(keys, Field::Appeal, (row.id, row.key_version), &row.sealed, purpose)
}

/// The reason of the decision, where there is one.
pub fn answer_of(keys: &KeyRing, row: &appeal::Model, purpose: Purpose) -> Result<Option<String>, SealError> {
    let sealed = row.answer_sealed.as_ref().zip(row.answer_key_version);
    let opened =
        sealed.map(|(sealed, version)| open(keys, Field::AppealAnswer, (row.id, version), sealed, purpose));
    opened.transpose()
}

/// Files an appeal against the present colour, to be decided on within `hours`.
pub async fn file(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    person: Uuid,
    complaint: &Complaint,
    hours: u16,
) -> Result<appeal::Model, DecisionError> {
    let Some((code, state)) = take(tx, bench, person).await? else {
        may_file(Colour::Grey, None)?;
        return Err(DecisionError::NotFound);
    };
    may_file(state.colour, store::open_of(tx, person).await?)?;
    let id = Uuid::now_v7();
    let row = appeal::Model {
        id,
        person_id: person,
        division_code: code.division_code,
        state: AppealState::Open,
        colour: state.colour,
        reason: state.reason,
        since: state.since,
        evidence: state.evidence,
        sealed: seal(bench.keys, Field::Appeal, id, complaint)?,
        key_version: bench.keys.current_version(),
        filed_at: bench.now,
        due_at: due_at(bench.now, hours),
        decided_by: None,
        decided_at: None,
        to_colour: None,
        answer_sealed: None,
        answer_key_version: None,
    };
    store::insert(tx, row.clone()).await?;
    Ok(row)
}

/// Takes an own appeal back.
pub async fn withdraw(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    person: Uuid,
    id: Uuid,
) -> Result<appeal::Model, DecisionError> {
    take(tx, bench, person).await?;
    let mut row = store::hold(tx, id).await?.ok_or(DecisionError::NotFound)?;
    let facts = AppealFacts { state: row.state, person: row.person_id, set_by: &[], colour: row.colour };
    row.state = step(&facts, AppealStep::Withdraw, person)?;
    row.decided_at = Some(bench.now);
    store::settle(tx, row.clone()).await?;
    Ok(row)
}

/// Whether this official may decide on it: not who set the colour.
pub async fn may_decide(
    db: &impl ConnectionTrait,
    row: &appeal::Model,
    official: Uuid,
) -> Result<bool, DecisionError> {
    Ok(!setters(db, row).await?.contains(&official))
}

/// Decides on an appeal. A granted one moves the code, where it is restricted, and lifts the entries of the integrity record
/// that the colour rested on.
pub async fn decide(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    official: &Official,
    id: Uuid,
    verdict: &Verdict,
) -> Result<appeal::Model, DecisionError> {
    let seen = store::by_id(tx, id).await?.filter(|row| official.division.covers(&row.division_code));
    let person = seen.ok_or(DecisionError::NotFound)?.person_id;
    let (code, state) = take(tx, bench, person).await?.ok_or(DecisionError::NotFound)?;
    let mut row = store::hold(tx, id).await?.ok_or(DecisionError::NotFound)?;
    let set_by = setters(tx, &row).await?;
    let facts = AppealFacts { state: row.state, person, set_by: &set_by, colour: state.colour };
    let wanted = verdict.to.map_or(AppealStep::Reject, |to| AppealStep::Grant { to });
    row.state = step(&facts, wanted, official.id)?;
    if let Some(to) = verdict.to {
        if state.is_restricted() {
            let event = Event::AppealGranted { to, appeal: id };
            move_code(tx, bench, person, event, official.actor()).await?;
        }
        lift(tx, bench, official, &row, &code).await?;
    }
    row.to_colour = verdict.to;
    (row.decided_by, row.decided_at) = (Some(official.id), Some(bench.now));
    row.answer_sealed = Some(seal(bench.keys, Field::AppealAnswer, id, &verdict.reason)?);
    row.answer_key_version = Some(bench.keys.current_version());
    store::settle(tx, row.clone()).await?;
    let told = [(person, ReminderKind::AppealDecided)];
    reminder::add(tx, &told, day_number(bench.now.shanghai_day()), bench.now).await?;
    Ok(row)
}

async fn setters(db: &impl ConnectionTrait, row: &appeal::Model) -> Result<Vec<Uuid>, DecisionError> {
    if bugs::has(Bug::OwnAppeal) {
        return Ok(Vec::new());
    }
    Ok(store::setters(db, row.person_id, row.since).await?)
}

async fn lift(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    official: &Official,
    row: &appeal::Model,
    code: &health::Model,
) -> Result<(), DecisionError> {
    let Some(evidence) = row.evidence else { return Ok(()) };
    let entry = |lifted: integrity_record::Model| integrity_record::Model {
        id: Uuid::now_v7(),
        kind: IntegrityKind::Lifted,
        refers_to: Some(lifted.id),
        division_code: code.division_code.clone(),
        evidence: row.id,
        actor_kind: official.actor().kind().to_owned(),
        actor_id: official.actor().id(),
        at: bench.now,
        ..lifted
    };
    let entries = store::standing(tx, row.person_id, evidence).await?.into_iter().map(entry).collect();
    Ok(codes::add_integrity(tx, entries).await?)
}

/// The code of a person as it is now, held until the transaction ends.
async fn take(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    person: Uuid,
) -> Result<Option<(health::Model, HealthState)>, DecisionError> {
    let code = codes::take(tx, &[person]).await?.remove(&person);
    Ok(code.map(|code| {
        let state = as_of(&state_of(&code), bench.rules, bench.now);
        (code, state)
    }))
}
