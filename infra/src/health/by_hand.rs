//! Colours that officials set: alone, or with a second one who confirms it; and releases of who has served their days.
//!
//! Call these in a writing transaction; an error means that it is to be rolled back. The changes of one official take turns,
//! so that their limit holds however many come at once; a request is held while it is decided on, so that of two officials
//! one decides.

use mashang_domain::health::request::{RequestStep, WAITS};
use mashang_domain::health::{Colour, Event, Ground, ManualChange, Outcome, Refused, RequestState, as_of};
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_entity::{colour_change, health};
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::decision::{Bench, DecisionError, Official, move_code, open, seal};
use super::state_of;
use crate::bugs::{self, Bug};
use crate::keys::{Field, KeyRing, SealError};
use crate::store::{colour_change as store, health as codes};

/// What an official wants.
#[derive(Debug, Clone)]
pub struct Wish {
    pub person: Uuid,
    pub to: Colour,
    pub ground: Ground,
    pub paper: Paper,
}

/// What it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    pub document: String,
    pub note: Option<String>,
}

/// Document and note of a change.
pub fn paper_of(keys: &KeyRing, row: &colour_change::Model, purpose: Purpose) -> Result<Paper, SealError> {
    open(keys, Field::ColourChange, (row.id, row.key_version), &row.sealed, purpose)
}

/// Makes a change, or has it wait for a second official: the state of the row tells.
pub async fn ask(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    official: &Official,
    wish: Wish,
) -> Result<colour_change::Model, DecisionError> {
    let now = bench.now;
    store::take_turn(tx, official.id).await?;
    let code = code_of(tx, official, wish.person).await?;
    let from = as_of(&state_of(&code), bench.rules, now).colour;
    let change = ManualChange {
        decision: Uuid::now_v7(),
        to: wish.to,
        ground: wish.ground,
        document: wish.paper.document.clone(),
        by: official.id,
        second: None,
    };
    change.fits(from)?;
    let id = change.decision;
    let recent = store::lately(tx, official.id, now, bench.limits.alone_per_hour).await?;
    let alone = match change.authorise(&recent, bench.limits, now) {
        Ok(authorised) => Some(authorised),
        Err(Refused::SecondOfficial) => None,
        Err(refused) => return Err(refused.into()),
    };
    let state = if alone.is_some() { RequestState::Applied } else { RequestState::AwaitingSecond };
    let row = colour_change::Model {
        id,
        person_id: wish.person,
        division_code: code.division_code,
        state,
        from_colour: from,
        to_colour: wish.to,
        ground: wish.ground,
        sealed: seal(bench.keys, Field::ColourChange, id, &wish.paper)?,
        key_version: bench.keys.current_version(),
        requested_by: official.id,
        requested_role: official.role,
        requested_at: now,
        expires_at: now + WAITS,
        decided_by: None,
        decided_at: None,
    };
    if let Some(authorised) = alone {
        move_code(tx, bench, wish.person, Event::Manual(authorised), official.actor()).await?;
    } else {
        store::expire(tx, wish.person, now).await?;
        if store::waiting_of(tx, wish.person).await?.is_some() {
            return Err(DecisionError::Waiting);
        }
    }
    store::insert(tx, row.clone()).await?;
    Ok(row)
}

/// Confirms a request of another official, which makes the change.
pub async fn confirm(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    official: &Official,
    id: Uuid,
) -> Result<colour_change::Model, DecisionError> {
    let row = settle(tx, bench, official, id, RequestStep::Confirm).await?;
    let change = ManualChange {
        decision: row.id,
        to: row.to_colour,
        ground: row.ground,
        document: paper_of(bench.keys, &row, Purpose::HealthCode)?.document,
        by: row.requested_by,
        second: Some(official.id),
    };
    let authorised = change.authorise(&[], bench.limits, bench.now)?;
    // The history names who asked for it, and the second one beside.
    let actor =
        Actor::Staff { id: row.requested_by, role: row.requested_role, division: official.division.clone() };
    move_code(tx, bench, row.person_id, Event::Manual(authorised), actor).await?;
    Ok(row)
}

/// Turns a request of another official down.
pub async fn refuse(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    official: &Official,
    id: Uuid,
) -> Result<colour_change::Model, DecisionError> {
    settle(tx, bench, official, id, RequestStep::Refuse).await
}

async fn settle(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    official: &Official,
    id: Uuid,
    step: RequestStep,
) -> Result<colour_change::Model, DecisionError> {
    // The person before the request, as everybody does.
    let seen = store::by_ids(tx, &[id]).await?.pop();
    let seen = seen.filter(|row| official.division.covers(&row.division_code));
    codes::take(tx, &[seen.ok_or(DecisionError::NotFound)?.person_id]).await?;
    let mut row = store::hold(tx, id).await?.ok_or(DecisionError::NotFound)?;
    if bugs::has(Bug::SecondAlone) {
        row.requested_by = Uuid::nil();
    }
    let state = store::facts(&row).step(step, official.id, bench.now)?;
    store::settle(tx, id, state, official.id, bench.now).await?;
    (row.state, row.decided_by, row.decided_at) = (state, Some(official.id), Some(bench.now));
    Ok(row)
}

/// Releases somebody whose days are done; answers the code as it is then, and the id of the decision.
pub async fn release(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    official: &Official,
    person: Uuid,
) -> Result<(Uuid, Outcome), DecisionError> {
    code_of(tx, official, person).await?;
    let decision = Uuid::now_v7();
    let event = Event::Released { decision };
    Ok((decision, move_code(tx, bench, person, event, official.actor()).await?))
}

/// The code of a person of this division, held until the transaction ends.
async fn code_of(
    tx: &impl ConnectionTrait,
    official: &Official,
    person: Uuid,
) -> Result<health::Model, DecisionError> {
    let code = codes::take(tx, &[person]).await?.remove(&person);
    code.filter(|code| official.division.covers(&code.division_code)).ok_or(DecisionError::NotFound)
}
