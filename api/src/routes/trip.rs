//! Declared trips.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use mashang_domain::health::{Transport, Trip};
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::health_code::ColourView;
use crate::app::health::trips;
use crate::error::Answer;
use crate::http::auth::Citizen;
use crate::http::body::{Body, Read};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(declare_trip).service(list_trips);
}

/// A trip, as it is declared and read.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TripBody {
    /// GB/T 2260, 6, 9 or 12 digits.
    #[schema(example = "420100")]
    from_division: String,
    #[schema(example = "530102")]
    to_division: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    departed_on: Option<NaiveDate>,
    /// Within the last year.
    #[schema(value_type = String, format = Date)]
    arrived_on: NaiveDate,
    transport: Option<Transport>,
    /// Of the train, flight or vehicle.
    #[schema(example = "G1234", max_length = 32)]
    number: Option<String>,
}

impl From<TripBody> for Trip {
    fn from(body: TripBody) -> Self {
        let TripBody { from_division, to_division, departed_on, arrived_on, transport, number } = body;
        Self { from_division, to_division, departed_on, arrived_on, transport, number }
    }
}

impl From<Trip> for TripBody {
    fn from(trip: Trip) -> Self {
        let Trip { from_division, to_division, departed_on, arrived_on, transport, number } = trip;
        Self { from_division, to_division, departed_on, arrived_on, transport, number }
    }
}

#[derive(Serialize, ToSchema)]
struct TripView {
    id: Uuid,
    declared_at: Timestamp,
    #[serde(flatten)]
    trip: TripBody,
}

#[derive(Serialize, ToSchema)]
struct DeclaredTrip {
    #[serde(flatten)]
    trip: TripView,
    #[serde(flatten)]
    health: ColourView,
}

/// Declare a trip
///
/// Kept sealed, with the health code.
#[utoipa::path(tag = "Health code", security(("bearer" = [])), request_body = TripBody, responses(
    (status = 201, body = DeclaredTrip), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
#[post("/me/trips")]
async fn declare_trip(
    app: web::Data<App>,
    request: HttpRequest,
    citizen: Citizen,
    body: Body<TripBody>,
) -> Answer<HttpResponse> {
    let Read { value, sent } = body.read().await?;
    let actor = citizen.person_id.to_string();
    idempotency::once(app, &request, &actor, &sent, move |app| async move {
        let trips::Declared { id, at, trip, state } = trips::declare(&app, &citizen, value.into()).await?;
        let health = ColourView::of(&app, &state, at);
        let trip = TripView { id, declared_at: at, trip: trip.into() };
        Ok((StatusCode::CREATED, DeclaredTrip { trip, health }))
    })
    .await
}

/// My trips, newest first
#[utoipa::path(tag = "Health code", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<TripView>), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/me/trips")]
async fn list_trips(
    app: web::Data<App>,
    citizen: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<TripView>>> {
    let limit = page.limit()?;
    let rows = trips::list(&app, &citizen, page.after_id()?, limit + 1).await?;
    let view =
        |(id, declared_at, trip): (Uuid, Timestamp, Trip)| TripView { id, declared_at, trip: trip.into() };
    Ok(web::Json(Page::of(rows.into_iter().map(view).collect(), limit, |trip| cursor(trip.id))))
}
