//! Cases and their visits.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use mashang_domain::person::Phone;
use mashang_domain::time::Timestamp;
use mashang_domain::trace::{CaseFacts, Span};
use mashang_entity::infection_case;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::case::{self, Office, Report, Shown, visits};
use crate::error::Answer;
use crate::http::auth::{Permission, Staff, may};
use crate::http::body::{Body, Read};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(report_case)
        .service(list_cases)
        .service(show_case)
        .service(list_case_visits)
        .service(add_case_visit);
    config.service(change_case_visit).service(remove_case_visit);
}

/// The office of whoever asks.
pub(super) fn office<R: Permission>(staff: &Staff<R>) -> Office {
    Office { id: staff.id, division: staff.division.clone(), actor: staff.actor() }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCase {
    #[schema(value_type = String, example = "13800138000")]
    phone: Phone,
    reported_at: Timestamp,
    /// Onset of symptoms: the window starts 48 h before.
    onset_at: Option<Timestamp>,
    /// Positive sample, for a case without symptoms.
    positive_at: Option<Timestamp>,
    /// The window ends here, else with the report.
    isolated_at: Option<Timestamp>,
    /// Sealed; only who looks after the case reads it.
    note: Option<String>,
    /// In place of the computed one.
    window: Option<Window>,
    /// Inside the own division; the whole of it when absent.
    division_code: Option<String>,
}

/// `[start, end)`
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Window {
    start: Timestamp,
    end: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct Case {
    id: Uuid,
    person_id: Uuid,
    #[schema(example = "138****8000")]
    phone_masked: Option<String>,
    window: Window,
    reported_at: Timestamp,
    onset_at: Option<Timestamp>,
    positive_at: Option<Timestamp>,
    isolated_at: Option<Timestamp>,
    note: Option<String>,
    division_code: String,
    created_by: Uuid,
    created_at: Timestamp,
}

impl From<Shown> for Case {
    fn from(Shown { case: c, phone_masked, note }: Shown) -> Self {
        Self {
            id: c.id,
            person_id: c.person_id,
            phone_masked,
            window: Window { start: c.window_start, end: c.window_end },
            reported_at: c.reported_at,
            onset_at: c.onset_at,
            positive_at: c.positive_at,
            isolated_at: c.isolated_at,
            note,
            division_code: c.division_code,
            created_by: c.created_by,
            created_at: c.created_at,
        }
    }
}

/// Report a case
#[utoipa::path(tag = "Cases", security(("bearer" = [])), request_body = NewCase, responses(
    (status = 201, body = Case), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/cases")]
async fn report_case(
    app: web::Data<App>,
    request: HttpRequest,
    me: Staff<may::ReportCases>,
    body: Body<NewCase>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let Read { value: new, sent } = body;
    let facts = CaseFacts {
        reported_at: new.reported_at,
        onset_at: new.onset_at,
        positive_at: new.positive_at,
        isolated_at: new.isolated_at,
        window: new.window.map(|w| Span { start: w.start, end: w.end }),
    };
    let report = Report { phone: new.phone, facts, note: new.note, division_code: new.division_code };
    let office = office(&me);
    idempotency::once(app, &request, &me.id.to_string(), &sent, move |app| async move {
        Ok((StatusCode::CREATED, Case::from(case::report(&app, &office, report).await?)))
    })
    .await
}

/// A case in a list: whose it is stays closed until it is opened by itself.
#[derive(Serialize, ToSchema)]
struct CaseItem {
    id: Uuid,
    person_id: Uuid,
    window: Window,
    reported_at: Timestamp,
    division_code: String,
    created_by: Uuid,
    created_at: Timestamp,
}

impl From<infection_case::Model> for CaseItem {
    fn from(c: infection_case::Model) -> Self {
        Self {
            id: c.id,
            person_id: c.person_id,
            window: Window { start: c.window_start, end: c.window_end },
            reported_at: c.reported_at,
            division_code: c.division_code,
            created_by: c.created_by,
            created_at: c.created_at,
        }
    }
}

/// Cases, newest first
#[utoipa::path(tag = "Cases", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<CaseItem>), (status = 403, body = ProblemBody)))]
#[get("/cases")]
async fn list_cases(
    app: web::Data<App>,
    me: Staff<may::ReportCases>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<CaseItem>>> {
    let limit = page.limit()?;
    let rows = case::page(&app, &office(&me), page.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(CaseItem::from).collect(), limit, |c| cursor(c.id))))
}

/// A case
#[utoipa::path(tag = "Cases", security(("bearer" = [])), responses(
    (status = 200, body = Case), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/cases/{id}")]
async fn show_case(
    app: web::Data<App>,
    me: Staff<may::ReportCases>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<Case>> {
    Ok(web::Json(case::show(&app, &office(&me), *id).await?.into()))
}

#[derive(Serialize, ToSchema)]
struct CaseVisit {
    /// The id of the opening scan, or that of an added visit.
    visit_id: Uuid,
    venue_id: Uuid,
    venue_name: Option<String>,
    zone_id: Option<Uuid>,
    #[serde(rename = "in")]
    start: Timestamp,
    #[serde(rename = "out")]
    end: Timestamp,
    /// `scan`, `default` or `next`; `official` when an official entered the visit.
    #[schema(example = "scan")]
    out_source: &'static str,
    suspect: bool,
}

impl From<visits::Seen> for CaseVisit {
    fn from(visits::Seen { stay, venue_name }: visits::Seen) -> Self {
        let place = stay.place;
        Self {
            visit_id: stay.visit_id,
            venue_id: place.venue_id,
            venue_name,
            zone_id: place.zone_id,
            start: place.span.start,
            end: place.span.end,
            out_source: stay.out_source.map_or("official", |s| s.as_str()),
            suspect: stay.suspect,
        }
    }
}

/// Visits of a case
///
/// The person's own, cut to the window, with the corrections of officials. All of them: there is one page.
#[utoipa::path(tag = "Cases", security(("bearer" = [])), responses(
    (status = 200, body = Page<CaseVisit>), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/cases/{id}/visits")]
async fn list_case_visits(
    app: web::Data<App>,
    me: Staff<may::ReportCases>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<Page<CaseVisit>>> {
    let seen = visits::list(&app, &office(&me), *id).await?;
    Ok(web::Json(Page { items: seen.into_iter().map(CaseVisit::from).collect(), next: None }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewVisit {
    venue_id: Uuid,
    zone_id: Option<Uuid>,
    #[serde(rename = "in")]
    start: Timestamp,
    #[serde(rename = "out")]
    end: Timestamp,
}

/// Add a visit that no scan tells of
#[utoipa::path(tag = "Cases", security(("bearer" = [])), request_body = NewVisit, responses(
    (status = 201, body = CaseVisit), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
#[post("/cases/{id}/visits")]
async fn add_case_visit(
    app: web::Data<App>,
    request: HttpRequest,
    me: Staff<may::ReportCases>,
    id: web::Path<Uuid>,
    body: Body<NewVisit>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let Read { value: NewVisit { venue_id, zone_id, start, end }, sent } = body;
    let (office, entry) = (office(&me), visits::Entry { venue_id, zone_id, start, end });
    idempotency::once(app, &request, &me.id.to_string(), &sent, move |app| async move {
        Ok((StatusCode::CREATED, CaseVisit::from(visits::add(&app, &office, *id, entry).await?)))
    })
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VisitChange {
    venue_id: Option<Uuid>,
    zone_id: Option<Uuid>,
    #[serde(rename = "in")]
    start: Option<Timestamp>,
    #[serde(rename = "out")]
    end: Option<Timestamp>,
}

/// Correct a visit
#[utoipa::path(tag = "Cases", security(("bearer" = [])), request_body = Option<VisitChange>, responses(
    (status = 200, body = CaseVisit), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
#[patch("/cases/{id}/visits/{visit_id}")]
async fn change_case_visit(
    app: web::Data<App>,
    me: Staff<may::ReportCases>,
    ids: web::Path<(Uuid, Uuid)>,
    body: Body<VisitChange>,
) -> Answer<web::Json<CaseVisit>> {
    let body = body.read().await?;
    let (case_id, visit_id) = *ids;
    let VisitChange { venue_id, zone_id, start, end } = body.value;
    let change = visits::Change { venue_id, zone_id, start, end };
    Ok(web::Json(visits::replace(&app, &office(&me), case_id, visit_id, change).await?.into()))
}

/// Remove a visit
#[utoipa::path(tag = "Cases", security(("bearer" = [])), responses(
    (status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[delete("/cases/{id}/visits/{visit_id}")]
async fn remove_case_visit(
    app: web::Data<App>,
    me: Staff<may::ReportCases>,
    ids: web::Path<(Uuid, Uuid)>,
) -> Answer<HttpResponse> {
    let (case_id, visit_id) = *ids;
    visits::remove(&app, &office(&me), case_id, visit_id).await?;
    Ok(HttpResponse::NoContent().finish())
}
