//! The work list: people whom no message reached, to be called or visited by hand.

use actix_web::{get, post, web};
use mashang_domain::alert::work::{WorkReason, WorkResult, WorkState};
use mashang_domain::time::Timestamp;
use mashang_entity::work_item;
use mashang_infra::store::work_list::Part;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::case::office;
use crate::app::work_list::{self, Items, Taken};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::{Staff, may};
use crate::http::body::Body;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_work).service(take_work).service(report_work);
}

/// A person who has to be called or visited.
#[derive(Serialize, ToSchema)]
struct WorkItem {
    id: Uuid,
    alert_id: Uuid,
    person_id: Uuid,
    /// None for who has no number.
    #[schema(example = "138****8000")]
    phone_masked: Option<String>,
    level: i16,
    #[schema(inline)]
    reason: WorkReason,
    #[schema(inline)]
    state: WorkState,
    /// Calls that nobody answered.
    calls: i32,
    /// Of the last call or visit.
    #[schema(inline)]
    result: Option<WorkResult>,
    /// Nothing has happened: nobody is to be called.
    drill: bool,
    created_at: Timestamp,
    taken_by: Option<Uuid>,
    taken_at: Option<Timestamp>,
    done_at: Option<Timestamp>,
}

fn shown(items: Items) -> Vec<WorkItem> {
    let Items { rows, phones, drills } = items;
    let item = |w: work_item::Model| WorkItem {
        id: w.id,
        alert_id: w.alert_id,
        person_id: w.person_id,
        phone_masked: phones.get(&w.person_id).cloned(),
        level: w.level,
        reason: w.reason,
        state: w.state,
        calls: w.calls,
        result: w.result,
        drill: drills.contains(&w.alert_id),
        created_at: w.created_at,
        taken_by: w.taken_by,
        taken_at: w.taken_at,
        done_at: w.done_at,
    };
    rows.into_iter().map(item).collect()
}

fn only(items: Items) -> Answer<WorkItem> {
    shown(items).pop().ok_or_else(|| Problem::new(Code::NotFound))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WorkQuery {
    #[param(inline)]
    state: Option<WorkState>,
    alert_id: Option<Uuid>,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Who has to be called or visited: highest level first, then who waits longest
#[utoipa::path(tag = "Work list", security(("bearer" = [])), params(WorkQuery), responses(
    (status = 200, body = Page<WorkItem>), (status = 403, body = ProblemBody)))]
#[get("/work-list")]
async fn list_work(
    app: web::Data<App>,
    me: Staff<may::DraftAlerts>,
    query: web::Query<WorkQuery>,
) -> Answer<web::Json<Page<WorkItem>>> {
    let WorkQuery { state, alert_id, limit, after } = query.into_inner();
    let page = PageQuery { limit, after };
    let limit = page.limit()?;
    let part = Part { state, alert: alert_id, after: page.after_id()?, limit: limit + 1 };
    let items = work_list::page(&app, &office(&me), &part).await?;
    Ok(web::Json(Page::of(shown(items), limit, |w| cursor(w.id))))
}

#[derive(Serialize, ToSchema)]
struct TakenItem {
    #[serde(flatten)]
    item: WorkItem,
    /// The number to call, in E.164; none when there is none.
    phone: Option<String>,
}

/// Take an item, and see its number
///
/// It is the caller's for two hours; after that another may take it. Recorded, and visible to the person.
#[utoipa::path(tag = "Work list", security(("bearer" = [])), responses(
    (status = 200, body = TakenItem), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/work-list/{id}/take")]
async fn take_work(
    app: web::Data<App>,
    me: Staff<may::DraftAlerts>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<TakenItem>> {
    let Taken { items, phone } = work_list::take(&app, &office(&me), *id).await?;
    Ok(web::Json(TakenItem { item: only(items)?, phone }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkReport {
    #[schema(inline)]
    result: WorkResult,
}

/// Say what came of an item that one has taken
///
/// After `no_answer` it is open again; all other results end it.
#[utoipa::path(tag = "Work list", security(("bearer" = [])), request_body = WorkReport, responses(
    (status = 200, body = WorkItem), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/work-list/{id}/result")]
async fn report_work(
    app: web::Data<App>,
    me: Staff<may::DraftAlerts>,
    id: web::Path<Uuid>,
    body: Body<WorkReport>,
) -> Answer<web::Json<WorkItem>> {
    let body = body.read().await?;
    Ok(web::Json(only(work_list::report(&app, &office(&me), *id, body.value.result).await?)?))
}
