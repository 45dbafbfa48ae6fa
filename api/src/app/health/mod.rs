//! Health codes: what people, guards and officials do with them. The rules are in `domain::health`, the writing of many
//! events at once in `infra::health`.

pub mod appeal;
pub mod by_hand;
pub mod cards;
pub mod check_in;
pub mod code;
pub mod declare;
pub mod device_check;
pub mod export;
pub mod history;
pub mod keys;
pub mod notice;
mod read;
mod refused;
pub mod statistics;
pub mod trips;
pub mod verify;

use std::sync::Arc;

use mashang_domain::health::{Colour, HealthState, Outcome, as_of};
use mashang_entity::health;
use mashang_infra::health::{Done, state_of};
use uuid::Uuid;

pub(crate) use refused::refusal;

use crate::error::{Answer, Code, Problem};
use crate::state::{App, CODE_REFS, HEALTH};

/// The code of a person as it is now, time counted in; of who has none, what that means.
pub async fn state(app: &App, person: Uuid) -> Answer<HealthState> {
    let now = app.clock.now();
    let row = code(app, person).await?;
    let stored = row.map_or_else(|| HealthState::undeclared(now), |row| state_of(&row));
    Ok(as_of(&stored, &app.rules.current(), now))
}

/// The colour to be shown with a scan; none where this part is off.
pub async fn colour(app: &App, person: Uuid) -> Answer<Option<Colour>> {
    if !app.settings.health.enabled {
        return Ok(None);
    }
    Ok(Some(state(app, person).await?.colour))
}

/// The row of a person's code, from the cache.
pub async fn code(app: &App, person: Uuid) -> Answer<Option<Arc<health::Model>>> {
    let load = async { Ok::<_, Problem>(app.health_reader.of(person).await?.map(Arc::new)) };
    app.health.get_or_load(person, load).await
}

/// Drops what is cached of these people, everywhere; after the commit of what changed them.
pub async fn changed(app: &App, people: impl IntoIterator<Item = Uuid>) {
    for person in people {
        app.caches.invalidate(HEALTH, person).await;
    }
}

/// Drops what is cached of somebody who was erased, and had this code: nobody is found by it any more.
pub async fn erased(app: &App, person: Uuid, code: Option<Arc<health::Model>>) {
    changed(app, [person]).await;
    if let Some(row) = code {
        app.caches.invalidate(CODE_REFS, code::key_of(row.code_ref)).await;
    }
}

/// 404 where this part is off.
pub fn require(app: &App) -> Answer<()> {
    if app.settings.health.enabled { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}

/// The outcome of an event, or why the rules refuse it; nothing for what was known before.
pub(crate) fn outcome(done: Done) -> Answer<Option<Outcome>> {
    match done {
        Done::Applied(outcome) => Ok(Some(outcome)),
        Done::Known => Ok(None),
        Done::Refused(refused) => Err(refusal(refused)),
    }
}
