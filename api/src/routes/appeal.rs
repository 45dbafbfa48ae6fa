//! Appeals of citizens against their colour.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use mashang_domain::health::Colour;
use mashang_domain::health::appeal::AppealState;
use mashang_domain::time::Timestamp;
use mashang_infra::health::appeals::Complaint;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::health::appeal::{self, Opened, clock};
use crate::error::Answer;
use crate::http::auth::Citizen;
use crate::http::body::{Body, Read};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(file_appeal).service(list_my_appeals).service(withdraw_appeal);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAppeal {
    /// What is wrong, in own words.
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
    /// References of documents that speak for it, at most ten.
    #[serde(default)]
    #[schema(max_items = 10)]
    documents: Vec<String>,
}

/// An own appeal.
#[derive(Serialize, ToSchema)]
struct MyAppeal {
    id: Uuid,
    #[schema(inline)]
    state: AppealState,
    /// The colour that it is against, and the code of its reason.
    #[schema(inline)]
    colour: Colour,
    reason: String,
    text: String,
    documents: Vec<String>,
    filed_at: Timestamp,
    /// Until when a person has to decide.
    due_at: Timestamp,
    /// Nobody has decided in time; it stays open.
    overdue: bool,
    decided_at: Option<Timestamp>,
    /// The colour that it led to.
    #[schema(inline)]
    to: Option<Colour>,
    /// Why it was decided as it was.
    answer: Option<String>,
}

fn mine(Opened { row, complaint, answer }: Opened, now: Timestamp) -> MyAppeal {
    MyAppeal {
        overdue: clock(&row, now).is_some_and(|clock| clock.overdue),
        id: row.id,
        state: row.state,
        colour: row.colour,
        reason: row.reason,
        text: complaint.text,
        documents: complaint.documents,
        filed_at: row.filed_at,
        due_at: row.due_at,
        decided_at: row.decided_at,
        to: row.to_colour,
        answer,
    }
}

/// Appeal against my colour
///
/// A person decides on it, who did not set the colour, within `health.appeal_hours`.
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), request_body = NewAppeal, responses(
    (status = 201, body = MyAppeal),
    (status = 409, body = ProblemBody, description = "`not_restricted`, `appeal_open`"),
    (status = 422, body = ProblemBody)))]
#[post("/me/appeals")]
async fn file_appeal(
    app: web::Data<App>,
    request: HttpRequest,
    citizen: Citizen,
    body: Body<NewAppeal>,
) -> Answer<HttpResponse> {
    let Read { value: NewAppeal { text, documents }, sent } = body.read().await?;
    let actor = citizen.person_id.to_string();
    idempotency::once(app, &request, &actor, &sent, move |app| async move {
        let opened = appeal::file(&app, &citizen, Complaint { text, documents }).await?;
        Ok((StatusCode::CREATED, mine(opened, app.clock.now())))
    })
    .await
}

/// My appeals, newest first
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<MyAppeal>)))]
#[get("/me/appeals")]
async fn list_my_appeals(
    app: web::Data<App>,
    citizen: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<MyAppeal>>> {
    let (limit, now) = (page.limit()?, app.clock.now());
    let rows = appeal::mine(&app, &citizen, page.after_id()?, limit + 1).await?;
    let items = rows.into_iter().map(|opened| mine(opened, now)).collect();
    Ok(web::Json(Page::of(items, limit, |a| cursor(a.id))))
}

/// Withdraw an appeal
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), responses(
    (status = 204), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
#[delete("/me/appeals/{id}")]
async fn withdraw_appeal(app: web::Data<App>, citizen: Citizen, id: web::Path<Uuid>) -> Answer<HttpResponse> {
    appeal::withdraw(&app, &citizen, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
