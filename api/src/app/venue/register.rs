//! A venue registers itself by a short form; lists of venues.

use mashang_domain::person::{Division, Phone};
use mashang_domain::venue::profile::Position;
use mashang_domain::venue::{Address, Category, DivisionCode, VenueName, VenueState};
use mashang_entity::venue;
use mashang_infra::store::audit;
use mashang_infra::store::venue::{self as venues, NewVenue, Which};
use mashang_infra::store::venue_code::{self as codes, Door};
use serde_json::json;
use uuid::Uuid;

use super::access::view;
use super::{VenueView, act};
use crate::error::{Answer, Problem};
use crate::http::auth::{Anyone, Citizen};
use crate::state::App;

/// The short form.
pub struct Registration {
    pub name: VenueName,
    pub category: Category,
    pub division_code: DivisionCode,
    pub address: Address,
    pub contact: Phone,
    pub position: Option<Position>,
    pub indoor: Option<bool>,
}

/// Registers a venue with its two codes; it waits for an official.
pub async fn register(app: &App, citizen: &Citizen, form: Registration) -> Answer<VenueView> {
    let (id, now, actor) = (Uuid::now_v7(), app.clock.now(), citizen.actor());
    let new = NewVenue {
        id,
        external_ref: None,
        name: form.name,
        category: form.category,
        division_code: form.division_code,
        address: form.address,
        contact: Some(form.contact),
        position: form.position,
        indoor: form.indoor,
        state: VenueState::Pending,
        manager_id: Some(citizen.person_id),
        decided_by: None,
    };
    let detail = json!({ "category": new.category, "division": new.division_code });
    let tx = app.db.begin_write().await?;
    venues::insert(&*tx, &app.keys, vec![new], now).await?;
    codes::issue(&*tx, &[(Door { venue_id: id, zone_id: None }, 1)], now).await?;
    let written = venues::by_id(&*tx, id).await?.ok_or_else(|| Problem::internal("the venue vanished"))?;
    audit::append(&*tx, act(&actor, "venue.register", id, detail), now).await?;
    tx.commit().await?;
    view(app, written).await
}

/// Venues: a citizen's own, or those of a member of staff's division.
pub async fn list(
    app: &App,
    who: &Anyone,
    division: Division,
    state: Option<VenueState>,
    after: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<venue::Model>> {
    let which = match who {
        Anyone::Citizen(id) => {
            Which { scope: Division::everywhere(), division, state, manager_id: Some(*id) }
        }
        Anyone::Staff { division: scope, .. } => {
            Which { scope: scope.clone(), division, state, manager_id: None }
        }
    };
    Ok(venues::page(app.db.conn(), &which, after, limit).await?)
}
