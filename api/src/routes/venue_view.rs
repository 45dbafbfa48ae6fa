//! Venues, as answers show them.

use mashang_domain::time::Timestamp;
use mashang_domain::venue::{Category, VenueState};
use mashang_entity::{venue as entity, zone};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::venue::{VenueView, is_indoor};
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub(super) struct Zone {
    pub id: Uuid,
    pub name: String,
}

impl From<zone::Model> for Zone {
    fn from(z: zone::Model) -> Self {
        Self { id: z.id, name: z.name }
    }
}

/// A venue in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct VenueSummary {
    pub(super) id: Uuid,
    name: String,
    category: Category,
    division_code: String,
    address: String,
    lat: Option<f64>,
    lon: Option<f64>,
    /// As registered, otherwise as the category is.
    indoor: bool,
    state: VenueState,
    /// What another system calls it.
    external_ref: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    decided_at: Option<Timestamp>,
    /// What the official said with the last decision.
    decided_reason: Option<String>,
}

impl VenueSummary {
    pub(super) fn of(app: &App, v: entity::Model) -> Self {
        Self {
            indoor: is_indoor(app, &v),
            id: v.id,
            name: v.name,
            category: v.category,
            division_code: v.division_code,
            address: v.address,
            lat: v.lat,
            lon: v.lon,
            state: v.state,
            external_ref: v.external_ref,
            created_at: v.created_at,
            updated_at: v.updated_at,
            decided_at: v.decided_at,
            decided_reason: v.decided_reason,
        }
    }
}

/// A venue with everything.
#[derive(Serialize, ToSchema)]
pub(super) struct Venue {
    #[serde(flatten)]
    summary: VenueSummary,
    #[schema(example = "138****8000")]
    contact_phone_masked: Option<String>,
    zones: Vec<Zone>,
}

impl Venue {
    pub(super) fn of(app: &App, view: VenueView) -> Self {
        Self {
            summary: VenueSummary::of(app, view.venue),
            contact_phone_masked: view.contact_masked,
            zones: view.zones.into_iter().map(Zone::from).collect(),
        }
    }
}
