//! Appeals as officials see them: with their clock, with everything that is asked to decide, and the decision.

use actix_web::{get, post, web};
use mashang_domain::health::appeal::AppealState;
use mashang_domain::health::{Colour, IntegrityKind};
use mashang_domain::time::Timestamp;
use mashang_entity::appeal as row;
use mashang_infra::health::appeals::Verdict;
use mashang_infra::store::appeal::Part;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::colour_change::official;
use super::health_history::{ColourEntry, entry};
use crate::app::health::appeal::{self, File, Opened, clock};
use crate::error::{Answer, Problem};
use crate::http::auth::{Staff, may};
use crate::http::body::Body;
use crate::http::page::{Page, PageQuery, cursor_time};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_appeals).service(show_appeal).service(decide_appeal);
}

/// An appeal and its clock.
#[derive(Serialize, ToSchema)]
struct AppealSummary {
    id: Uuid,
    person_id: Uuid,
    division_code: String,
    #[schema(inline)]
    state: AppealState,
    /// The colour that it is against, and the code of its reason.
    #[schema(inline)]
    colour: Colour,
    reason: String,
    filed_at: Timestamp,
    due_at: Timestamp,
    /// It is open after its time.
    overdue: bool,
    /// Of an open one; negative when it is overdue.
    seconds_left: Option<i64>,
    decided_by: Option<Uuid>,
    decided_at: Option<Timestamp>,
    /// The colour that it led to.
    #[schema(inline)]
    to: Option<Colour>,
}

fn summary(row: &row::Model, now: Timestamp) -> AppealSummary {
    let clock = clock(row, now);
    AppealSummary {
        id: row.id,
        person_id: row.person_id,
        division_code: row.division_code.clone(),
        state: row.state,
        colour: row.colour,
        reason: row.reason.clone(),
        filed_at: row.filed_at,
        due_at: row.due_at,
        overdue: clock.as_ref().is_some_and(|clock| clock.overdue),
        seconds_left: clock.map(|clock| clock.seconds_left),
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        to: row.to_colour,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct AppealQuery {
    #[param(inline)]
    state: Option<AppealState>,
    /// Only those that are open after their time; `false`: only all others.
    overdue: Option<bool>,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Appeals of the own division, in the order in which they are due
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), params(AppealQuery), responses(
    (status = 200, body = Page<AppealSummary>), (status = 403, body = ProblemBody)))]
#[get("/appeals")]
async fn list_appeals(
    app: web::Data<App>,
    me: Staff<may::DecideAppeals>,
    query: web::Query<AppealQuery>,
) -> Answer<web::Json<Page<AppealSummary>>> {
    let AppealQuery { state, overdue, limit, after } = query.into_inner();
    let page = PageQuery { limit, after };
    let (limit, now) = (page.limit()?, app.clock.now());
    let after = page.after_time()?.map(|(at, id)| (Timestamp(at), id));
    let part = Part { state, overdue, after, limit: limit + 1 };
    let rows = appeal::page(&app, &official(&me), &part).await?;
    let items = rows.iter().map(|row| summary(row, now)).collect();
    Ok(web::Json(Page::of(items, limit, |a: &AppealSummary| cursor_time(a.due_at.millis(), a.id))))
}

/// Something that was known of the person.
#[derive(Serialize, ToSchema)]
struct Evidence {
    /// The kind of it, as rules name it.
    kind: String,
    at: Timestamp,
    withdrawn_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct IntegrityEntry {
    id: Uuid,
    at: Timestamp,
    #[schema(inline)]
    kind: IntegrityKind,
    /// The entry that it lifts.
    refers_to: Option<Uuid>,
    rule: String,
}

/// An appeal with everything that is asked to decide on it. Nobody's name or number is part of it.
#[derive(Serialize, ToSchema)]
struct AppealFile {
    #[serde(flatten)]
    summary: AppealSummary,
    text: String,
    documents: Vec<String>,
    answer: Option<String>,
    /// Newest first, at most 200.
    history: Vec<ColourEntry>,
    /// What was known by kind, newest first, at most 200.
    evidence: Vec<Evidence>,
    integrity: Vec<IntegrityEntry>,
    /// Whether the caller may decide: not who set the colour.
    may_decide: bool,
}

/// An appeal
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), responses(
    (status = 200, body = AppealFile), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/appeals/{id}")]
async fn show_appeal(
    app: web::Data<App>,
    me: Staff<may::DecideAppeals>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<AppealFile>> {
    let File { opened, history, facts, integrity, may_decide } =
        appeal::show(&app, &official(&me), *id).await?;
    let hours = app.settings.health.appeal_hours;
    let evidence =
        facts.into_iter().map(|f| Evidence { kind: f.fact, at: f.at, withdrawn_at: f.withdrawn_at });
    let integrity = integrity.into_iter().map(|e| IntegrityEntry {
        id: e.id,
        at: e.at,
        kind: e.kind,
        refers_to: e.refers_to,
        rule: e.rule,
    });
    Ok(web::Json(AppealFile {
        summary: summary(&opened.row, app.clock.now()),
        text: opened.complaint.text,
        documents: opened.complaint.documents,
        answer: opened.answer,
        history: history.into_iter().map(|row| entry(row, hours)).collect(),
        evidence: evidence.collect(),
        integrity: integrity.collect(),
        may_decide,
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Ruling {
    Grant,
    Reject,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AppealDecision {
    #[schema(inline)]
    decision: Ruling,
    /// The colour that a granted one leads to: milder than the present one.
    #[schema(inline)]
    to: Option<Colour>,
    /// Told to the citizen.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Decide on an appeal
///
/// By an official who did not set the colour. Granted against a false declaration, it lifts the entry of the integrity record.
#[utoipa::path(tag = "Health decisions", security(("bearer" = [])), request_body = AppealDecision, responses(
    (status = 200, body = AppealSummary), (status = 403, body = ProblemBody, description = "`own_decision`"),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/appeals/{id}/decision")]
async fn decide_appeal(
    app: web::Data<App>,
    me: Staff<may::DecideAppeals>,
    id: web::Path<Uuid>,
    body: Body<AppealDecision>,
) -> Answer<web::Json<AppealSummary>> {
    let AppealDecision { decision, to, reason } = body.read().await?.value;
    let to = match (decision, to) {
        (Ruling::Grant, Some(to)) => Some(to),
        (Ruling::Reject, None) => None,
        (Ruling::Grant, None) => return Err(Problem::field("to", "missing", "a colour is wanted")),
        (Ruling::Reject, Some(_)) => {
            return Err(Problem::field("to", "unexpected", "a rejected appeal leads to no colour"));
        }
    };
    let Opened { row, .. } = appeal::decide(&app, &official(&me), *id, Verdict { to, reason }).await?;
    Ok(web::Json(summary(&row, app.clock.now())))
}
