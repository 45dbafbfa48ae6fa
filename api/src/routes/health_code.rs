//! The own health code: colour, the code to show, daily reports, and who checked it.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, put, web};
use chrono::NaiveDate;
use mashang_domain::health::{Colour, HealthState, ReminderWay, Symptom, Temperature};
use mashang_domain::time::Timestamp;
use mashang_entity::code_check;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::health::{check_in, code, verify};
use crate::error::{Answer, Problem};
use crate::http::auth::Citizen;
use crate::http::body::{Body, Read};
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::http::{context, idempotency};
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show_code).service(record_check_in).service(show_quarantine).service(list_code_checks);
    config.service(choose_reminders);
}

/// A temperature from degrees Celsius.
pub(super) fn temperature(degrees: f64) -> Answer<Temperature> {
    let text = "30 至 45 摄氏度 / 30 to 45 degrees Celsius";
    Temperature::from_celsius(degrees).ok_or_else(|| Problem::field("temperature_c", "out_of_range", text))
}

/// Why a colour is what it is.
#[derive(Serialize, ToSchema)]
pub(super) struct ReasonView {
    #[schema(example = "close_contact")]
    code: String,
    /// In the language that was asked for.
    text: String,
    /// The rule that led here, where one did.
    rule: Option<String>,
}

impl ReasonView {
    pub(super) fn of(app: &App, code: &str, rule: Option<&str>) -> Self {
        let rules = app.rules.current();
        let (zh, en) = rules.text(code).unwrap_or_else(|| (code.to_owned(), code.to_owned()));
        let text = context::language().pick(&zh, &en).to_owned();
        Self { code: code.to_owned(), text, rule: rule.map(str::to_owned) }
    }
}

/// A colour and what it asks for.
#[derive(Serialize, ToSchema)]
pub(super) struct ColourView {
    colour: Colour,
    /// As gate devices know it: 1 green, 2 yellow, 3 red, 4 expired, 5 not declared.
    health_status: u8,
    reason: ReasonView,
    since: Timestamp,
    days_required: u16,
    days_done: u16,
    /// The first day on which the code can turn green, with a normal check-in on every day until then.
    #[schema(value_type = Option<String>, format = Date)]
    releasable_on: Option<NaiveDate>,
    /// All days are done, and an official has to confirm the release.
    awaits_release: bool,
}

impl ColourView {
    pub(super) fn of(app: &App, state: &HealthState, now: Timestamp) -> Self {
        Self {
            colour: state.colour,
            health_status: state.health_status(),
            reason: ReasonView::of(app, &state.reason, state.rule.as_deref()),
            since: state.since,
            days_required: state.required,
            days_done: state.days_done(),
            releasable_on: state.releasable_on(now.shanghai_day()),
            awaits_release: state.awaits_release(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct HealthCode {
    #[serde(flatten)]
    health: ColourView,
    /// What the QR holds: signed, good for a minute (docs/code-format.md).
    token: String,
    token_expires_at: Timestamp,
    qr_svg: String,
}

/// My health code
///
/// The QR has 147 characters, version 6 at level M: 41 modules a side. Ask again before it expires.
#[utoipa::path(tag = "Health code", security(("bearer" = [])), responses(
    (status = 200, body = HealthCode), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
#[get("/me/health-code")]
async fn show_code(app: web::Data<App>, citizen: Citizen) -> Answer<web::Json<HealthCode>> {
    let code::Shown { state, token, expires_at, qr_svg, at } = code::show(&app, &citizen).await?;
    let health = ColourView::of(&app, &state, at);
    Ok(web::Json(HealthCode { health, token, token_expires_at: expires_at, qr_svg }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCheckIn {
    #[schema(minimum = 30, maximum = 45, example = 36.5)]
    temperature_c: f64,
    /// Each counts once.
    #[serde(default)]
    symptoms: Vec<Symptom>,
    note: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct CheckIn {
    id: Uuid,
    checked_in_at: Timestamp,
    /// Neither a symptom nor a fever.
    normal: bool,
    #[serde(flatten)]
    health: ColourView,
}

/// Report today's health
///
/// One report a day counts; another one is harmless. A symptom or a fever starts the days again.
#[utoipa::path(tag = "Health code", security(("bearer" = [])), request_body = NewCheckIn, responses(
    (status = 201, body = CheckIn), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/me/check-ins")]
async fn record_check_in(
    app: web::Data<App>,
    request: HttpRequest,
    citizen: Citizen,
    body: Body<NewCheckIn>,
) -> Answer<HttpResponse> {
    let Read { value: NewCheckIn { temperature_c, symptoms, note }, sent } = body.read().await?;
    let symptoms: BTreeSet<Symptom> = symptoms.into_iter().collect();
    let report = check_in::Report { temperature: temperature(temperature_c)?, symptoms, note };
    let actor = citizen.person_id.to_string();
    idempotency::once(app, &request, &actor, &sent, move |app| async move {
        let taken = check_in::report(&app, &citizen, report).await?;
        let health = ColourView::of(&app, &taken.state, taken.at);
        Ok((
            StatusCode::CREATED,
            CheckIn { id: taken.id, checked_in_at: taken.at, normal: taken.normal, health },
        ))
    })
    .await
}

#[derive(Serialize, ToSchema)]
struct Quarantine {
    #[serde(flatten)]
    health: ColourView,
    #[schema(value_type = Option<String>, format = Date)]
    next_due: Option<NaiveDate>,
    /// Days without a normal check-in since the colour began.
    #[schema(value_type = Vec<String>)]
    missed: Vec<NaiveDate>,
}

/// How far my days have come
#[utoipa::path(tag = "Health code", security(("bearer" = [])), responses(
    (status = 200, body = Quarantine), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/me/quarantine")]
async fn show_quarantine(app: web::Data<App>, citizen: Citizen) -> Answer<web::Json<Quarantine>> {
    let check_in::Quarantine { state, today, missed } = check_in::quarantine(&app, &citizen).await?;
    let health = ColourView::of(&app, &state, app.clock.now());
    Ok(web::Json(Quarantine { health, next_due: state.next_due(today), missed }))
}

#[derive(Serialize, ToSchema)]
struct OwnCheck {
    id: Uuid,
    at: Timestamp,
    place: Option<String>,
    colour: Colour,
    allowed: bool,
    temperature_c: Option<f64>,
}

impl From<code_check::Model> for OwnCheck {
    fn from(c: code_check::Model) -> Self {
        let tenths = c.tenths.and_then(|t| u16::try_from(t).ok()).map(|t| Temperature(t).celsius());
        Self {
            id: c.id,
            at: c.at,
            place: c.place,
            colour: c.colour,
            allowed: c.allowed,
            temperature_c: tenths,
        }
    }
}

/// Where my code was checked, newest first
#[utoipa::path(tag = "Health code", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<OwnCheck>), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/me/code-checks")]
async fn list_code_checks(
    app: web::Data<App>,
    citizen: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<OwnCheck>>> {
    let limit = page.limit()?;
    let rows = verify::own_checks(&app, &citizen, page.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(OwnCheck::from).collect(), limit, |c| cursor(c.id))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reminders {
    /// `subscribe` needs the consent that the mini-program asks for.
    way: ReminderWay,
}

/// How I want to be reminded
///
/// Of a check-in that is due, of a missed day, of the end of the days, of a decided appeal.
#[utoipa::path(tag = "Health code", security(("bearer" = [])), request_body = Reminders, responses(
    (status = 204), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[put("/me/reminders")]
async fn choose_reminders(
    app: web::Data<App>,
    citizen: Citizen,
    body: Body<Reminders>,
) -> Answer<HttpResponse> {
    let Reminders { way } = body.read().await?.value;
    check_in::choose_reminders(&app, &citizen, way).await?;
    Ok(HttpResponse::NoContent().finish())
}
