//! Declaring a trip: where somebody came from, and by what.

use mashang_domain::health::{HealthState, Stay, Trip};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_infra::health::{apply, at_stay, begin};
use mashang_infra::store::trip as store;
use uuid::Uuid;

use super::{changed, outcome, require, state};
use crate::error::{Answer, Problem};
use crate::http::auth::Citizen;
use crate::state::App;

/// More trips than this a person are not exported.
const EXPORTED: u64 = 10_000;

/// A trip that was declared.
pub struct Declared {
    pub id: Uuid,
    pub at: Timestamp,
    pub trip: Trip,
    pub state: HealthState,
}

/// Declares a trip; one from a key area colours. It is kept with the health code, which somebody who has declared nothing else gets with it.
///
/// # Errors
/// `invalid` with the field that is wrong.
pub async fn declare(app: &App, citizen: &Citizen, trip: Trip) -> Answer<Declared> {
    require(app)?;
    let (id, now) = (Uuid::now_v7(), app.clock.now());
    trip.check(now.shanghai_day())
        .map_err(|fault| Problem::field(fault.field(), "invalid", fault.to_string()))?;
    let row = store::sealed(&app.keys, id, citizen.person_id, &trip, now)?;
    let stay = Stay::before(&trip.from_division, trip.left_on());
    let tx = app.db.begin_write().await?;
    let met = at_stay(&*tx, citizen.person_id, &stay, now.shanghai_day(), &citizen.actor()).await?;
    begin(&*tx, citizen.person_id, now).await?;
    store::insert(&*tx, row).await?;
    for done in apply(&*tx, &app.rules.current(), &met, now).await? {
        outcome(done)?;
    }
    tx.commit().await?;
    changed(app, [citizen.person_id]).await;
    Ok(Declared { id, at: now, trip, state: state(app, citizen.person_id).await? })
}

/// The own trips, newest first, opened.
///
/// # Errors
/// When the database is out of reach.
pub async fn list(
    app: &App,
    citizen: &Citizen,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<(Uuid, Timestamp, Trip)>> {
    require(app)?;
    of(app, citizen.person_id, before, limit).await
}

/// All trips of a person, for their export.
///
/// # Errors
/// When the database is out of reach.
pub async fn exported(app: &App, person: Uuid) -> Answer<Vec<(Uuid, Timestamp, Trip)>> {
    of(app, person, None, EXPORTED).await
}

async fn of(
    app: &App,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<(Uuid, Timestamp, Trip)>> {
    let rows = store::of_person(app.db.conn(), person, before, limit).await?;
    let open = |row: mashang_entity::trip::Model| {
        Ok((row.id, row.created_at, store::open(&app.keys, &row, Purpose::OwnRequest)?))
    };
    rows.into_iter().map(open).collect()
}
