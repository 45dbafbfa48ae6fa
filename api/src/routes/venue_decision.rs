//! What officials decide about venues.

use actix_web::{post, web};
use mashang_domain::venue::{Decision, Reason};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::venue_view::Venue;
use crate::app::venue;
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::body::Body;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(approve_venue).service(suspend_venue).service(close_venue);
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
    let body = body.read().await?;
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
    let body = body.read().await?;
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
    let body = body.read().await?;
    let view = venue::decide(&app, &official, *id, Decision::Close, body.value.reason).await?;
    Ok(web::Json(Venue::of(&app, view)))
}
