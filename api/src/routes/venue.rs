//! Venues: registered, seen, changed, decided on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use mashang_domain::person::Phone;
use mashang_domain::time::Timestamp;
use mashang_domain::venue::profile::position;
use mashang_domain::venue::{
    Address, Category, Decision, DivisionCode, Reason, VenueName, VenueState, ZoneName,
};
use mashang_entity::{venue as entity, zone};
use mashang_infra::store::venue::VenueChange;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::venue::{self, Registration, VenueView, is_indoor};
use crate::error::{Answer, Problem};
use crate::http::auth::{Anyone, Citizen, Staff, may};
use crate::http::body::Body;
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(register_venue).service(list_venues).service(show_venue).service(change_venue);
    config.service(add_zone).service(show_occupancy);
    config.service(approve_venue).service(suspend_venue).service(close_venue);
}

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
struct VenueSummary {
    id: Uuid,
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
    fn of(app: &App, v: entity::Model) -> Self {
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
struct Venue {
    #[serde(flatten)]
    summary: VenueSummary,
    #[schema(example = "138****8000")]
    contact_phone_masked: Option<String>,
    zones: Vec<Zone>,
}

impl Venue {
    fn of(app: &App, view: VenueView) -> Self {
        Self {
            summary: VenueSummary::of(app, view.venue),
            contact_phone_masked: view.contact_masked,
            zones: view.zones.into_iter().map(Zone::from).collect(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewVenue {
    #[schema(value_type = String, min_length = 1, max_length = 100, example = "翠湖超市")]
    name: VenueName,
    category: Category,
    /// 6, 9 or 12 digits (GB/T 2260).
    #[schema(value_type = String, example = "530102")]
    division_code: DivisionCode,
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    address: Address,
    #[schema(value_type = String, example = "13800138000")]
    contact_phone: Phone,
    /// Degrees; both or none.
    lat: Option<f64>,
    lon: Option<f64>,
    /// As the category is, when absent.
    indoor: Option<bool>,
}

/// Register a venue
///
/// It waits (`pending`) for an official of its division; posters may be printed meanwhile.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), request_body = NewVenue,
    params(("Idempotency-Key" = Option<String>, Header)), responses(
    (status = 201, body = Venue), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/venues")]
async fn register_venue(
    app: web::Data<App>,
    request: HttpRequest,
    citizen: Citizen,
    body: Body<NewVenue>,
) -> Answer<HttpResponse> {
    let new = body.value;
    let form = Registration {
        name: new.name,
        category: new.category,
        division_code: new.division_code,
        address: new.address,
        contact: new.contact_phone,
        position: position(new.lat, new.lon).map_err(|e| Problem::field("lat", "invalid", e.to_string()))?,
        indoor: new.indoor,
    };
    idempotency::once(&app, &request, &citizen.actor().id(), &body.hash, async {
        let view = venue::register(&app, &citizen, form).await?;
        Ok((StatusCode::CREATED, Venue::of(&app, view)))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct VenueQuery {
    state: Option<VenueState>,
    /// Division code; all that lie inside it.
    division: Option<String>,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Venues
///
/// A citizen's own; for staff those of their division.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(VenueQuery), responses(
    (status = 200, body = Page<VenueSummary>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[get("/venues")]
async fn list_venues(
    app: web::Data<App>,
    who: Anyone,
    query: web::Query<VenueQuery>,
) -> Answer<web::Json<Page<VenueSummary>>> {
    let VenueQuery { state, division, limit, after } = query.into_inner();
    let page = PageQuery { limit, after };
    let (limit, after) = (page.limit()?, page.after_id()?);
    let division = venue::division_of(division.as_deref())?;
    let rows = venue::list(&app, &who, division, state, after, limit + 1).await?;
    let items = rows.into_iter().map(|v| VenueSummary::of(&app, v)).collect();
    Ok(web::Json(Page::of(items, limit, |v| cursor(v.id))))
}

/// A venue
///
/// For its manager and staff of its division.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), responses(
    (status = 200, body = Venue), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/venues/{id}")]
async fn show_venue(app: web::Data<App>, who: Anyone, id: web::Path<Uuid>) -> Answer<web::Json<Venue>> {
    let view = venue::show(&app, &who, *id).await?;
    Ok(web::Json(Venue::of(&app, view)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VenueEdit {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Option<VenueName>,
    category: Option<Category>,
    #[schema(value_type = Option<String>)]
    division_code: Option<DivisionCode>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    address: Option<Address>,
    #[schema(value_type = Option<String>)]
    contact_phone: Option<Phone>,
    /// With `lon`; null in both takes the coordinates away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>)]
    lat: Option<Option<f64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>)]
    lon: Option<Option<f64>>,
    /// Null: as the category is.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    indoor: Option<Option<bool>>,
}

/// Tells a field that is null from one that is absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl VenueEdit {
    fn change(self) -> Answer<VenueChange> {
        let together =
            |e: mashang_domain::venue::ProfileError| Problem::field("lat", "invalid", e.to_string());
        let position = match (self.lat, self.lon) {
            (None, None) => None,
            (lat, lon) => Some(position(lat.flatten(), lon.flatten()).map_err(together)?),
        };
        Ok(VenueChange {
            name: self.name,
            category: self.category,
            division_code: self.division_code,
            address: self.address,
            contact: self.contact_phone,
            position,
            indoor: self.indoor,
        })
    }
}

/// Change a venue
///
/// A manager changes everything while it is pending; once approved, address, contact and coordinates: the rest is what
/// was approved, and an official changes it (409 `wrong_state`). Posters keep their codes.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), request_body = VenueEdit, responses(
    (status = 200, body = Venue), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[patch("/venues/{id}")]
async fn change_venue(
    app: web::Data<App>,
    who: Anyone,
    id: web::Path<Uuid>,
    body: Body<VenueEdit>,
) -> Answer<web::Json<Venue>> {
    let view = venue::edit(&app, &who, *id, body.value.change()?).await?;
    Ok(web::Json(Venue::of(&app, view)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewZone {
    #[schema(value_type = String, min_length = 1, max_length = 50, example = "一层东门")]
    name: ZoneName,
}

/// Add a zone
///
/// With an in and an out code of its own.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = NewZone, responses((status = 201, body = Zone), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/venues/{id}/zones")]
async fn add_zone(
    app: web::Data<App>,
    request: HttpRequest,
    who: Anyone,
    id: web::Path<Uuid>,
    body: Body<NewZone>,
) -> Answer<HttpResponse> {
    idempotency::once(&app, &request, &who.actor().id(), &body.hash, async {
        let zone = venue::add_zone(&app, &who, *id, &body.value.name).await?;
        Ok((StatusCode::CREATED, Zone::from(zone)))
    })
    .await
}

#[derive(Serialize, ToSchema)]
struct Occupancy {
    /// People inside now: scanned in within the usual stay, and neither out there nor in elsewhere since.
    people: u64,
    /// Who came with them without a scan of their own.
    companions: u64,
    as_of: Timestamp,
}

/// How many are inside
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), responses(
    (status = 200, body = Occupancy), (status = 404, body = ProblemBody)))]
#[get("/venues/{id}/occupancy")]
async fn show_occupancy(
    app: web::Data<App>,
    who: Anyone,
    id: web::Path<Uuid>,
) -> Answer<web::Json<Occupancy>> {
    let venue::Inside { people, companions, as_of } = venue::inside(&app, &who, *id).await?;
    Ok(web::Json(Occupancy { people, companions, as_of }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// Shown to the venue.
    #[schema(value_type = Option<String>, max_length = 200)]
    reason: Option<Reason>,
}

/// Approve a venue, or open it again
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), request_body = Option<Why>, responses(
    (status = 200, body = Venue), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[post("/venues/{id}/approval")]
async fn approve_venue(
    app: web::Data<App>,
    official: Staff<may::CareForVenues>,
    id: web::Path<Uuid>,
    body: Body<Why>,
) -> Answer<web::Json<Venue>> {
    let view = venue::decide(&app, &official, *id, Decision::Approve, body.value.reason).await?;
    Ok(web::Json(Venue::of(&app, view)))
}

/// Suspend an approved venue
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), request_body = Option<Why>, responses(
    (status = 200, body = Venue), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/venues/{id}/suspension")]
async fn suspend_venue(
    app: web::Data<App>,
    official: Staff<may::CareForVenues>,
    id: web::Path<Uuid>,
    body: Body<Why>,
) -> Answer<web::Json<Venue>> {
    let view = venue::decide(&app, &official, *id, Decision::Suspend, body.value.reason).await?;
    Ok(web::Json(Venue::of(&app, view)))
}

/// Close a venue
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), request_body = Option<Why>, responses(
    (status = 200, body = Venue), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[post("/venues/{id}/closure")]
async fn close_venue(
    app: web::Data<App>,
    official: Staff<may::CareForVenues>,
    id: web::Path<Uuid>,
    body: Body<Why>,
) -> Answer<web::Json<Venue>> {
    let view = venue::decide(&app, &official, *id, Decision::Close, body.value.reason).await?;
    Ok(web::Json(Venue::of(&app, view)))
}
