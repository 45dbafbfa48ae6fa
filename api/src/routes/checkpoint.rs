//! Guards check codes; everybody may read the keys by which codes are checked.

use actix_web::{HttpResponse, get, post, web};
use data_encoding::BASE64;
use mashang_domain::health::Colour;
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::card::ToldCard;
use super::health_code::temperature;
use crate::app::health::{cards, keys, verify};
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::body::Body;
use crate::http::gatekeeper::Gatekeeper;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(verify_code).service(replace_code_key);
}

/// What stands outside of `/api/v1`.
pub fn configure_root(config: &mut ServiceConfig<'_>) {
    config.service(list_code_keys);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeToVerify {
    /// What the QR holds.
    #[schema(max_length = 400)]
    token: String,
    /// Measured at the gate.
    #[schema(minimum = 30, maximum = 45)]
    temperature_c: Option<f64>,
    /// Where, if not where the device stands; for the person to read and for finding a code that was shown elsewhere.
    #[schema(example = "东门", max_length = 64)]
    place: Option<String>,
}

/// An earlier showing of the same code, which is good for one person at one gate.
#[derive(Serialize, ToSchema)]
struct ShownBefore {
    at: Timestamp,
    place: Option<String>,
    /// Whether the same guard or device checked it then.
    same_guard: bool,
}

#[derive(Serialize, ToSchema)]
struct CodeVerdict {
    id: Uuid,
    /// `allow` for green without a fever, else `deny`.
    #[schema(example = "allow")]
    result: &'static str,
    colour: Colour,
    /// As gate devices know it: 1 green, 2 yellow, 3 red, 4 expired, 5 not declared.
    health_status: u8,
    #[schema(example = "张*")]
    name_masked: Option<String>,
    checked_at: Timestamp,
    /// `none`, `home_observation`, `quarantine`, `expired` or `not_declared`; nobody's health.
    #[schema(example = "none")]
    reason_class: &'static str,
    fever: bool,
    /// Seconds since the phone got this code.
    code_age_seconds: i64,
    shown_before: Option<ShownBefore>,
    /// Linked cards; for devices of hospitals alone.
    cards: Option<Vec<ToldCard>>,
}

/// Check a health code at a gate
///
/// The colour is the present one. Every check is written down, and the person can read it.
#[utoipa::path(tag = "Gates", security(("bearer" = [])), request_body = CodeToVerify, responses(
    (status = 200, body = CodeVerdict), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/checkpoints/verifications")]
async fn verify_code(
    app: web::Data<App>,
    gate: Gatekeeper,
    body: Body<CodeToVerify>,
) -> Answer<web::Json<CodeVerdict>> {
    let CodeToVerify { token, temperature_c, place } = body.read().await?.value;
    let check = verify::Check { token, temperature: temperature_c.map(temperature).transpose()?, place };
    let verdict = verify::verify(&app, &gate, check).await?;
    let cards = cards::tell(&app, &gate, verdict.person).await?;
    let shown_before = verdict.shown_before.as_ref().map(|before| ShownBefore {
        at: before.at,
        place: before.place.clone(),
        same_guard: before.staff_id == gate.id,
    });
    Ok(web::Json(CodeVerdict {
        id: verdict.id,
        result: if verdict.allowed { "allow" } else { "deny" },
        colour: verdict.state.colour,
        health_status: verdict.state.health_status(),
        name_masked: verdict.who.as_ref().map(|who| who.name.clone()),
        checked_at: verdict.at,
        reason_class: verdict.reason_class(),
        fever: verdict.fever,
        code_age_seconds: verdict.age,
        shown_before,
        cards: cards.map(|told| told.into_iter().map(ToldCard::from).collect()),
    }))
}

#[derive(Serialize, ToSchema)]
struct CodeKey {
    /// What codes name it by.
    id: u32,
    /// Ed25519 (RFC 8032), 32 bytes in base64.
    public_key: String,
    /// It signs in `[signs_from, signs_until)`; its codes are good until they expire.
    signs_from: Timestamp,
    signs_until: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct CodeKeys {
    /// Of the code, as docs/code-format.md describes it.
    format_version: u8,
    keys: Vec<CodeKey>,
    as_of: Timestamp,
}

/// The keys by which gates check codes without a network
///
/// With the next one, a day before it signs. Fetch them once an hour; docs/code-format.md says how codes are read.
#[utoipa::path(tag = "Gates", responses(
    (status = 200, body = CodeKeys), (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[get("/.well-known/health-code-keys")]
async fn list_code_keys(app: web::Data<App>) -> Answer<HttpResponse> {
    let keys = keys::published(&app)?.into_iter().map(|key| CodeKey {
        id: key.number,
        public_key: BASE64.encode(&key.public_key),
        signs_from: key.signs_from,
        signs_until: key.signs_until,
    });
    let body = CodeKeys {
        format_version: mashang_code_verify::VERSION,
        keys: keys.collect(),
        as_of: app.clock.now(),
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "public, max-age=60")).json(body))
}

/// Replace a key that has leaked
///
/// At once: codes that it signed are no longer believed, and phones get new ones within a minute.
#[utoipa::path(tag = "Gates", security(("bearer" = [])), responses(
    (status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
#[post("/health-code-keys/{number}/replacement")]
async fn replace_code_key(
    app: web::Data<App>,
    admin: Staff<may::ManageOperation>,
    id: web::Path<u32>,
) -> Answer<HttpResponse> {
    keys::replace(&app, &admin.actor(), *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
