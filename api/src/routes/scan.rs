//! Scans: the one call that everybody makes several times a day.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, web};
use mashang_domain::health::Colour;
use mashang_domain::time::Timestamp;
use mashang_domain::venue::Direction;
use mashang_infra::store::scan_history::PastScan;
use mashang_infra::store::scan_writer::Outcome;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::scan::{self, Scan, Told};
use crate::error::{Answer, Problem};
use crate::http::auth::Citizen;
use crate::http::body::{Body, parse};
use crate::http::page::{Page, PageQuery, cursor_time};
use crate::http::server::ProblemBody;
use crate::state::App;

/// Scans of one upload.
const BATCH: usize = 100;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(record_scan).service(record_scans).service(list_my_scans);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScanRequest {
    /// The token of the code: the part of its link after `/v/`, or as typed from the poster.
    venue_code: String,
    /// The client's own name for this scan, 1 to 64 characters; sent again, it gets the same answer.
    #[schema(max_length = 64)]
    client_scan_id: String,
    /// For scans made offline. The server's time counts when both differ by at most 5 minutes.
    #[serde(default)]
    scanned_at: Option<Timestamp>,
    /// People without a telephone who came along.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9)]
    companions: Option<i16>,
}

impl From<ScanRequest> for Scan {
    fn from(r: ScanRequest) -> Self {
        Self {
            venue_code: r.venue_code,
            client_scan_id: r.client_scan_id,
            scanned_at: r.scanned_at,
            companions: r.companions.unwrap_or(0),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct ZoneName {
    id: Uuid,
    name: String,
}

#[derive(Serialize, ToSchema)]
struct VenueName {
    id: Uuid,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<ZoneName>,
}

/// The colour of the person's health code.
#[derive(Serialize, ToSchema)]
struct ScanColour {
    colour: Colour,
    /// The time of the scan, so that its repetition is answered alike.
    as_of: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct ScanAnswer {
    scan_id: Uuid,
    venue: VenueName,
    direction: Direction,
    scanned_at: Timestamp,
    /// Null where health codes are off, or when the colour could not be read just now.
    health: Option<ScanColour>,
    /// Whether officials will see it as doubtful.
    suspect: bool,
}

impl From<&Told> for ScanAnswer {
    fn from(t: &Told) -> Self {
        let zone = t.zone.as_ref().map(|(id, name)| ZoneName { id: *id, name: name.to_string() });
        Self {
            scan_id: t.scan_id,
            venue: VenueName { id: t.venue_id, name: t.venue_name.to_string(), zone },
            direction: t.direction,
            scanned_at: t.scanned_at,
            health: t.health.map(|colour| ScanColour { colour, as_of: t.scanned_at }),
            suspect: t.suspect,
        }
    }
}

/// 201 for what is new, 200 for the answer of before.
fn status(told: &Told) -> StatusCode {
    match told.outcome {
        Outcome::New | Outcome::Repeat => StatusCode::CREATED,
        Outcome::SameKey => StatusCode::OK,
    }
}

/// Record a scan
///
/// Answered when it is durable. The same `client_scan_id` gets the same answer with 200. A scan less than 120 s after the
/// last recorded one of the same place and direction is answered like that one and not recorded.
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), request_body = ScanRequest, responses(
    (status = 201, body = ScanAnswer), (status = 200, body = ScanAnswer, description = "Answered before"),
    (status = 401, body = ProblemBody), (status = 409, body = ProblemBody), (status = 410, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/scans")]
async fn record_scan(app: web::Data<App>, citizen: Citizen, body: Body<ScanRequest>) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let told = scan::record(&app, &citizen, body.value.into()).await?;
    Ok(HttpResponse::build(status(&told)).json(ScanAnswer::from(&told)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScanBatch {
    /// At most 100. One that cannot be read costs no other.
    #[schema(value_type = Vec<ScanRequest>, max_items = 100)]
    scans: Vec<Box<RawValue>>,
}

/// The name of a scan, whatever else is wrong with it.
#[derive(Deserialize)]
struct Named {
    client_scan_id: Option<Value>,
}

fn name_of(raw: &RawValue) -> Option<String> {
    let Named { client_scan_id } = serde_json::from_str(raw.get()).ok()?;
    client_scan_id.as_ref().and_then(Value::as_str).map(str::to_owned)
}

#[derive(Serialize, ToSchema)]
struct BatchResult {
    client_scan_id: Option<String>,
    /// What the scan alone would have been answered with.
    #[schema(example = 201)]
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<ScanAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProblemBody>)]
    problem: Option<Value>,
}

#[derive(Serialize, ToSchema)]
struct BatchAnswer {
    /// In the order of the request.
    results: Vec<BatchResult>,
}

/// Upload scans that were made offline
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), request_body = ScanBatch, responses(
    (status = 200, body = BatchAnswer), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/scans/batch")]
async fn record_scans(
    app: web::Data<App>,
    citizen: Citizen,
    body: Body<ScanBatch>,
) -> Answer<web::Json<BatchAnswer>> {
    let body = body.read().await?;
    let given = body.value.scans;
    if given.len() > BATCH {
        return Err(Problem::field("scans", "too_many", format!("≤ {BATCH}")));
    }
    let names: Vec<Option<String>> = given.iter().map(|raw| name_of(raw)).collect();
    // From the text as it came: a tree of values would have forgotten that a field stood there twice.
    let read = |raw: &RawValue| parse::<ScanRequest>(raw.get().as_bytes()).map(Scan::from);
    let scans = given.iter().map(|raw| read(raw)).collect();
    let answers = scan::record_batch(&app, &citizen, scans).await;
    let results = names.into_iter().zip(answers).map(|(name, answer)| result(name, &answer)).collect();
    Ok(web::Json(BatchAnswer { results }))
}

fn result(client_scan_id: Option<String>, answer: &Answer<Told>) -> BatchResult {
    match answer {
        Ok(told) => BatchResult {
            client_scan_id,
            status: status(told).as_u16(),
            scan: Some(told.into()),
            problem: None,
        },
        Err(problem) => BatchResult {
            client_scan_id,
            status: problem.code.status(),
            scan: None,
            problem: Some(problem.body()),
        },
    }
}

#[derive(Serialize, ToSchema)]
struct MyScan {
    scan_id: Uuid,
    venue: VenueName,
    direction: Direction,
    scanned_at: Timestamp,
    companions: i16,
    suspect: bool,
}

impl From<PastScan> for MyScan {
    fn from(s: PastScan) -> Self {
        let zone = s.zone_id.zip(s.zone_name).map(|(id, name)| ZoneName { id, name });
        Self {
            scan_id: s.scan_id,
            venue: VenueName { id: s.venue_id, name: s.venue_name, zone },
            direction: s.direction,
            scanned_at: s.at,
            companions: s.companions,
            suspect: s.suspect.is_some(),
        }
    }
}

/// My scans, newest first
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<MyScan>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[get("/me/scans")]
async fn list_my_scans(
    app: web::Data<App>,
    citizen: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<MyScan>>> {
    let limit = page.limit()?;
    let scans = scan::history(&app, &citizen, page.after_time()?, limit).await?;
    let items = scans.into_iter().map(MyScan::from).collect();
    Ok(web::Json(Page::of(items, limit, |s: &MyScan| cursor_time(s.scanned_at.millis(), s.scan_id))))
}
