//! The parts of a venue, and how many people are in it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use mashang_domain::time::Timestamp;
use mashang_domain::venue::ZoneName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::venue_view::Zone;
use crate::app::venue;
use crate::error::Answer;
use crate::http::auth::Anyone;
use crate::http::body::Body;
use crate::http::idempotency;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(add_zone).service(show_occupancy);
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
    let body = body.read().await?;
    idempotency::once(app, &request, &who.actor().id(), &body.sent, move |app| async move {
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
