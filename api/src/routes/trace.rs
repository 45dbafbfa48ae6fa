//! Traces and their contacts.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use mashang_domain::time::{SECOND, Timestamp};
use mashang_domain::trace::{CaseRef, Contact, Meeting, MeetingKind, TraceState};
use mashang_domain::venue::OutSource;
use mashang_entity::trace as entity;
use mashang_infra::store::trace_result::Wanted;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::case::office;
use crate::app::trace::gather::{Start, VenueSpan};
use crate::app::trace::rules::Wish;
use crate::app::trace::show::{self, Contacts};
use crate::app::trace::{self, Counts};
use crate::error::{Answer, Problem};
use crate::http::auth::{Staff, may};
use crate::http::body::{Body, Read};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(run_trace)
        .service(list_traces)
        .service(show_trace)
        .service(list_contacts)
        .service(list_additions);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTrace {
    /// Cases of the own division.
    case_ids: Option<Vec<Uuid>>,
    /// Venues and times instead of cases.
    spans: Option<Vec<VenueSpan>>,
    #[serde(default)]
    parameters: Wish,
}

#[derive(Serialize, ToSchema)]
struct Trace {
    id: Uuid,
    state: TraceState,
    /// What the approver of an alert approves.
    sha256: Option<String>,
    /// A code of the list above, when it failed.
    failure: Option<String>,
    case_ids: serde_json::Value,
    spans: serde_json::Value,
    #[schema(value_type = mashang_domain::trace::Parameters)]
    parameters: serde_json::Value,
    counts: Option<Counts>,
    /// Visits the trace started from.
    case_visits: Option<u64>,
    /// People per venue, most first.
    #[schema(value_type = Vec<VenuePeople>)]
    by_venue: serde_json::Value,
    division_code: String,
    created_by: Uuid,
    created_at: Timestamp,
    frozen_at: Option<Timestamp>,
}

/// As the trace froze it.
#[derive(Serialize, ToSchema)]
struct VenuePeople {
    venue_id: Uuid,
    name: Option<String>,
    people: u64,
    by_level: mashang_domain::trace::ByLevel,
}

impl From<entity::Model> for Trace {
    fn from(t: entity::Model) -> Self {
        let counts = t.counts.and_then(|c| serde_json::from_value::<Counts>(c).ok());
        Self {
            id: t.id,
            state: t.state,
            sha256: t.sha256,
            failure: t.failure,
            case_ids: t.case_ids,
            spans: t.spans,
            parameters: t.parameters,
            counts,
            case_visits: counts.map(|c| c.case_visits),
            by_venue: t.by_venue.unwrap_or_else(|| serde_json::json!([])),
            division_code: t.division_code,
            created_by: t.created_by,
            created_at: t.created_at,
            frozen_at: t.frozen_at,
        }
    }
}

/// Run a trace
///
/// A dry run: nothing is sent. 201 with the result when it is small, otherwise 202 with `Location`, to be asked again.
#[utoipa::path(tag = "Traces", security(("bearer" = [])), request_body = NewTrace, responses(
    (status = 201, body = Trace), (status = 202, body = Trace), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/traces")]
async fn run_trace(
    app: web::Data<App>,
    request: HttpRequest,
    me: Staff<may::Trace>,
    body: Body<NewTrace>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let Read { value: NewTrace { case_ids, spans, parameters }, sent } = body;
    let start = Start::parse(case_ids, spans)?;
    let office = office(&me);
    idempotency::once(app, &request, &me.id.to_string(), &sent, move |app| async move {
        let row = trace::start(&app, &office, start, &parameters).await?;
        let status = match row.state {
            TraceState::Running => StatusCode::ACCEPTED,
            TraceState::Frozen | TraceState::Failed => StatusCode::CREATED,
        };
        Ok((status, Trace::from(row)))
    })
    .await
}

/// A trace in a list.
#[derive(Serialize, ToSchema)]
struct TraceItem {
    id: Uuid,
    state: TraceState,
    sha256: Option<String>,
    failure: Option<String>,
    counts: Option<Counts>,
    division_code: String,
    created_by: Uuid,
    created_at: Timestamp,
    frozen_at: Option<Timestamp>,
}

impl From<entity::Model> for TraceItem {
    fn from(row: entity::Model) -> Self {
        let Trace {
            id,
            state,
            sha256,
            failure,
            counts,
            division_code,
            created_by,
            created_at,
            frozen_at,
            ..
        } = row.into();
        Self { id, state, sha256, failure, counts, division_code, created_by, created_at, frozen_at }
    }
}

/// Traces, newest first
#[utoipa::path(tag = "Traces", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<TraceItem>), (status = 403, body = ProblemBody)))]
#[get("/traces")]
async fn list_traces(
    app: web::Data<App>,
    me: Staff<may::Trace>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<TraceItem>>> {
    let limit = page.limit()?;
    let rows = trace::page(&app, &office(&me), page.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(TraceItem::from).collect(), limit, |t| cursor(t.id))))
}

/// A trace
#[utoipa::path(tag = "Traces", security(("bearer" = [])), responses(
    (status = 200, body = Trace), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/traces/{id}")]
async fn show_trace(
    app: web::Data<App>,
    me: Staff<may::Trace>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<Trace>> {
    Ok(web::Json(trace::find(&app, &office(&me), *id).await?.into()))
}

/// A stay, `[in, out)`.
#[derive(Serialize, ToSchema)]
struct Stay {
    #[serde(rename = "in")]
    start: Timestamp,
    #[serde(rename = "out")]
    end: Timestamp,
    /// Why it ended when it did; absent for a case.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_source: Option<OutSource>,
}

#[derive(Serialize, ToSchema)]
struct ContactMeeting {
    venue_id: Uuid,
    venue_name: Option<String>,
    zone_id: Option<Uuid>,
    kind: MeetingKind,
    /// The case; null when the trace started from a venue and a time.
    case_id: Option<Uuid>,
    case_visit: Stay,
    visit: Stay,
    /// Direct: how long both were there.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<i64>,
    /// After: from the case leaving to the other coming.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap_seconds: Option<i64>,
    suspect: bool,
}

#[derive(Serialize, ToSchema)]
struct ContactItem {
    person_id: Uuid,
    /// Null when there is no number any more.
    #[schema(example = "138****8000")]
    phone_masked: Option<String>,
    /// 3 (worst), 2 or 1.
    level: u8,
    meetings: Vec<ContactMeeting>,
}

fn item(contact: Contact, page: &Contacts) -> ContactItem {
    ContactItem {
        person_id: contact.person_id,
        phone_masked: page.phones.get(&contact.person_id).cloned(),
        level: contact.level,
        meetings: contact.meetings.into_iter().map(|m| meeting(m, page)).collect(),
    }
}

fn meeting(m: Meeting, page: &Contacts) -> ContactMeeting {
    let of_kind = |kind| (m.kind == kind).then_some(m.millis / SECOND);
    ContactMeeting {
        venue_id: m.venue_id,
        venue_name: page.venues.get(&m.venue_id).map(|v| v.name.clone()),
        zone_id: m.zone_id,
        kind: m.kind,
        case_id: match m.case {
            CaseRef::Case(id) => Some(id),
            CaseRef::Span(_) => None,
        },
        case_visit: Stay { start: m.case_visit.start, end: m.case_visit.end, out_source: None },
        visit: Stay { start: m.visit.start, end: m.visit.end, out_source: Some(m.out_source) },
        seconds: of_kind(MeetingKind::Direct),
        gap_seconds: of_kind(MeetingKind::After),
        suspect: m.suspect,
    }
}

fn page_of(mut found: Contacts, limit: u64) -> Page<ContactItem> {
    let contacts = std::mem::take(&mut found.contacts);
    let items = contacts.into_iter().map(|c| item(c, &found)).collect();
    Page::of(items, limit, |c: &ContactItem| cursor(c.person_id))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ContactQuery {
    /// Only this level: 1, 2 or 3.
    level: Option<i16>,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Contacts of a trace
///
/// Each person who is shown can see that they were looked at.
#[utoipa::path(tag = "Traces", security(("bearer" = [])), params(ContactQuery), responses(
    (status = 200, body = Page<ContactItem>), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[get("/traces/{id}/contacts")]
async fn list_contacts(
    app: web::Data<App>,
    me: Staff<may::Trace>,
    id: web::Path<Uuid>,
    query: web::Query<ContactQuery>,
) -> Answer<web::Json<Page<ContactItem>>> {
    let ContactQuery { level, limit, after } = query.into_inner();
    if level.is_some_and(|l| !(1..=3).contains(&l)) {
        return Err(Problem::field("level", "out_of_range", "1, 2 or 3"));
    }
    let page = PageQuery { limit, after };
    let limit = page.limit()?;
    let wanted = Wanted { level, not_in: None, after: page.after_id()?, limit: limit + 1 };
    Ok(web::Json(page_of(show::contacts(&app, &office(&me), *id, wanted).await?, limit)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct AdditionQuery {
    /// An earlier trace.
    since: Uuid,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Additions {
    /// People who are new, on all pages together.
    total: u64,
    items: Vec<ContactItem>,
    next: Option<String>,
}

/// Who is new since an earlier trace
#[utoipa::path(tag = "Traces", security(("bearer" = [])), params(AdditionQuery), responses(
    (status = 200, body = Additions), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[get("/traces/{id}/additions")]
async fn list_additions(
    app: web::Data<App>,
    me: Staff<may::Trace>,
    id: web::Path<Uuid>,
    query: web::Query<AdditionQuery>,
) -> Answer<web::Json<Additions>> {
    let AdditionQuery { since, limit, after } = query.into_inner();
    let page = PageQuery { limit, after };
    let limit = page.limit()?;
    let wanted = Wanted { level: None, not_in: Some(since), after: page.after_id()?, limit: limit + 1 };
    let found = show::contacts(&app, &office(&me), *id, wanted).await?;
    let total = found.total.unwrap_or(0);
    let Page { items, next } = page_of(found, limit);
    Ok(web::Json(Additions { total, items, next }))
}
