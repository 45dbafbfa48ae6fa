//! Venues: registered, seen, changed.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use mashang_domain::person::Phone;
use mashang_domain::venue::profile::position;
use mashang_domain::venue::{Address, Category, DivisionCode, ProfileError, VenueName, VenueState};
use mashang_infra::store::venue::VenueChange;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::venue_view::{Venue, VenueSummary};
use crate::app::venue::{self, Registration};
use crate::error::{Answer, Problem};
use crate::http::auth::{Anyone, Citizen};
use crate::http::body::{Body, present};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(register_venue).service(list_venues).service(show_venue).service(change_venue);
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
    let body = body.read().await?;
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
    idempotency::once(app, &request, &citizen.actor().id(), &body.sent, move |app| async move {
        let view = venue::register(&app, &citizen, form).await?;
        Ok((StatusCode::CREATED, Venue::of(&app, view)))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct VenueQuery {
    #[param(inline)]
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
    #[schema(value_type = Option<String>, example = "530102")]
    division_code: Option<DivisionCode>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    address: Option<Address>,
    #[schema(value_type = Option<String>, example = "13800138000")]
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
impl VenueEdit {
    fn change(self) -> Answer<VenueChange> {
        let together = |e: ProfileError| Problem::field("lat", "invalid", e.to_string());
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
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), request_body = Option<VenueEdit>, responses(
    (status = 200, body = Venue), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[patch("/venues/{id}")]
async fn change_venue(
    app: web::Data<App>,
    who: Anyone,
    id: web::Path<Uuid>,
    body: Body<VenueEdit>,
) -> Answer<web::Json<Venue>> {
    let body = body.read().await?;
    let view = venue::edit(&app, &who, *id, body.value.change()?).await?;
    Ok(web::Json(Venue::of(&app, view)))
}
