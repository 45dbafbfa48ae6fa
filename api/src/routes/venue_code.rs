//! The codes of a venue.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use mashang_domain::time::Timestamp;
use mashang_domain::venue::Direction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::venue_view::Zone;
use crate::app::venue::{self, CodeView, CodesOf};
use crate::error::Answer;
use crate::http::auth::Anyone;
use crate::http::body::Body;
use crate::http::idempotency;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_codes).service(rotate_codes).service(show_screen_code);
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CodeState {
    Active,
    Revoked,
}

#[derive(Serialize, ToSchema)]
struct VenueCode {
    direction: Direction,
    /// The part of the venue; null for its own codes.
    zone: Option<Zone>,
    /// What a scan sends.
    #[schema(example = "1A2B3C4D5E6F7G8H9J0K")]
    code: String,
    /// What the QR says.
    url: String,
    version: i32,
    state: CodeState,
}

impl From<CodeView> for VenueCode {
    fn from(c: CodeView) -> Self {
        Self {
            direction: c.direction,
            zone: c.zone.map(|(id, name)| Zone { id, name }),
            code: c.code,
            url: c.url,
            version: c.version,
            state: if c.revoked { CodeState::Revoked } else { CodeState::Active },
        }
    }
}

#[derive(Serialize, ToSchema)]
struct VenueCodes {
    items: Vec<VenueCode>,
}

impl VenueCodes {
    fn of(codes: Vec<CodeView>) -> Self {
        Self { items: codes.into_iter().map(VenueCode::from).collect() }
    }
}

/// The codes of a venue
///
/// Those that hold first, then the last hundred that were replaced.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path)), responses(
    (status = 200, body = VenueCodes), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/venues/{id}/codes")]
async fn list_codes(app: web::Data<App>, who: Anyone, id: web::Path<Uuid>) -> Answer<web::Json<VenueCodes>> {
    let codes = venue::list_codes(&app, &who, *id).await?;
    Ok(web::Json(VenueCodes::of(codes)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// Replace the codes of one zone only.
    zone_id: Option<Uuid>,
}

/// Replace codes
///
/// The old ones are refused from now on (`code_revoked`): print new posters.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = Option<Rotation>, responses((status = 201, body = VenueCodes), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
#[post("/venues/{id}/codes/rotation")]
async fn rotate_codes(
    app: web::Data<App>,
    request: HttpRequest,
    who: Anyone,
    id: web::Path<Uuid>,
    body: Body<Rotation>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let which = body.value.zone_id.map_or(CodesOf::Everything, CodesOf::Zone);
    idempotency::once(app, &request, &who.actor().id(), &body.sent, move |app| async move {
        let codes = venue::rotate_codes(&app, &who, *id, which).await?;
        Ok((StatusCode::CREATED, VenueCodes::of(codes)))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ScreenQuery {
    /// `in` when absent.
    #[param(inline)]
    direction: Option<Direction>,
    /// Id of a zone.
    zone: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
struct ScreenCode {
    /// What a scan sends.
    code: String,
    /// What the QR says.
    url: String,
    /// The QR, ready to be shown.
    qr_svg: String,
    /// Ask for the next one now.
    valid_until: Timestamp,
}

/// The code for a screen
///
/// It changes every minute, so that a photograph of it is worth little.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), params(("id" = Uuid, Path), ScreenQuery), responses(
    (status = 200, body = ScreenCode), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[get("/venues/{id}/screen-code")]
async fn show_screen_code(
    app: web::Data<App>,
    who: Anyone,
    id: web::Path<Uuid>,
    query: web::Query<ScreenQuery>,
) -> Answer<web::Json<ScreenCode>> {
    let direction = query.direction.unwrap_or(Direction::In);
    let venue::ScreenCode { code, url, qr_svg, valid_until } =
        venue::screen_code(&app, &who, *id, query.zone, direction).await?;
    Ok(web::Json(ScreenCode { code, url, qr_svg, valid_until }))
}
