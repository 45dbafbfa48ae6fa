//! Plain JSON of devices at gates: scanner guns, door panels, readers of identity cards.
//!
//! Names and numbers are those that devices of the field know (docs/health-code.md), which is why they are not in
//! snake_case.

use actix_web::{post, web};
use mashang_domain::health::{Colour, Reading};
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::card::ToldCard;
use crate::app::health::cards;
use crate::app::health::device_check::{self, Heard, Presented, Question};
use crate::error::{Answer, Problem};
use crate::http::body::Body;
use crate::http::gatekeeper::Gatekeeper;
use crate::http::server::ProblemBody;
use crate::state::App;

/// Longest content of a card or a QR, in characters.
const CONTENT_MAX: usize = 400;
/// Longest serial number of a device, in characters.
const DEVICE_MAX: usize = 64;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(verify_at_device);
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeviceQuestion {
    /// 1: the number of an identity card, 2: the content of a QR.
    #[schema(minimum = 1, maximum = 2)]
    card_no_type: u8,
    /// The number, or the content.
    #[schema(max_length = 400)]
    id_card_no: String,
    /// Degrees Celsius as text; `0` when the device cannot measure.
    #[schema(example = "36.5")]
    temperature: String,
    /// IMEI or serial number.
    #[schema(min_length = 1, max_length = 64)]
    device_index_code: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeviceAnswer {
    /// 1 green, 2 yellow, 3 red, 4 expired, 5 does not exist, 6 verification failed, 7 verification timed out.
    health_status: u8,
    /// Since when; of who was found.
    health_status_update_time: Option<Timestamp>,
    colour: Option<Colour>,
    /// As cameras have it: 0 unknown, 1 red, 2 green, 3 yellow, 4 invalid.
    colour_code: u8,
    /// As door panels have it: 0 normal, 1 abnormal, 2 unknown or not filled in.
    health: u8,
    /// 0 normal, 1 fever, 2 too low; null when not measured.
    temperature_status: Option<u8>,
    /// Whether to open: green, and no fever.
    pass: bool,
    /// To be said aloud.
    #[schema(example = "绿码，请通行")]
    speech: String,
    #[schema(example = "张**")]
    name: Option<String>,
    /// CV02.01.101, such as 01 for a resident's card.
    id_card_type: Option<&'static str>,
    /// Masked.
    #[schema(example = "33****17")]
    id_card_no: Option<String>,
    /// `QR_CODE` or `ID_CARD`.
    #[schema(example = "QR_CODE")]
    cert_type: &'static str,
    /// Of this check; the person can read it.
    event_id: Uuid,
    event_time: Timestamp,
    #[schema(example = "mashang")]
    health_data_source: &'static str,
    /// The id of the device's key, or of the guard.
    iot_id: Uuid,
    device_index_code: String,
    /// Whether the same code was shown at an earlier check.
    shown_before: bool,
    /// Linked cards of who has shown a code; for devices of hospitals alone.
    cards: Option<Vec<ToldCard>>,
}

/// Check what a device has read
///
/// Answered with 200 and a number in `healthStatus`, whatever comes of it; a wrong key is 401, a wrong body 422. A look-up
/// by a card's number is a check like any other: audited, written down, for the person to read.
#[utoipa::path(tag = "Gates", security(("bearer" = [])), request_body = DeviceQuestion, responses(
    (status = 200, body = DeviceAnswer), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/checkpoints/devices/verifications")]
async fn verify_at_device(
    app: web::Data<App>,
    gate: Gatekeeper,
    body: Body<DeviceQuestion>,
) -> Answer<web::Json<DeviceAnswer>> {
    let DeviceQuestion { card_no_type, id_card_no, temperature, device_index_code } =
        body.read().await?.value;
    if id_card_no.chars().count() > CONTENT_MAX {
        return Err(Problem::field("idCardNo", "length", format!("at most {CONTENT_MAX} characters")));
    }
    let (presented, cert_type) = match card_no_type {
        1 => (Presented::Card(id_card_no), "ID_CARD"),
        2 => (Presented::Code(id_card_no), "QR_CODE"),
        _ => return Err(Problem::field("cardNoType", "out_of_range", "1 or 2")),
    };
    let reading = Reading::parse(&temperature, app.rules.current().fever)
        .ok_or_else(|| Problem::field("temperature", "invalid", "36.5, 0 = 未测量 / not measured"))?;
    if !(1..=DEVICE_MAX).contains(&device_index_code.chars().count()) {
        return Err(Problem::field("deviceIndexCode", "length", format!("1 to {DEVICE_MAX} characters")));
    }
    let by_code = matches!(presented, Presented::Code(_));
    let question = Question { presented, reading, device: device_index_code.clone() };
    let Heard { id, at, status, verdict } = device_check::ask(&app, &gate, question).await?;
    let cards = match &verdict {
        Some(verdict) if by_code => cards::tell(&app, &gate, verdict.person).await?,
        Some(_) | None => None,
    };
    let who = verdict.as_ref().and_then(|verdict| verdict.who.clone());
    Ok(web::Json(DeviceAnswer {
        health_status: status.number(),
        health_status_update_time: verdict.as_ref().map(|verdict| verdict.state.since),
        colour: verdict.as_ref().map(|verdict| verdict.state.colour),
        colour_code: status.colour_number(),
        health: status.normality(),
        temperature_status: reading.number(),
        pass: verdict.as_ref().is_some_and(|verdict| verdict.allowed),
        speech: status.speech(reading),
        name: who.as_ref().map(|who| who.name.clone()),
        id_card_type: who.as_ref().map(|who| who.id_type),
        id_card_no: who.as_ref().map(|who| who.id_number.clone()),
        cert_type,
        event_id: id,
        event_time: at,
        health_data_source: "mashang",
        iot_id: gate.id,
        device_index_code,
        shown_before: verdict.is_some_and(|verdict| verdict.shown_before.is_some()),
        cards: cards.map(|told| told.into_iter().map(ToldCard::from).collect()),
    }))
}
