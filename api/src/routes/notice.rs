//! What a citizen was told, and their answer.

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::alert::notices::{self, NoticeView};
use crate::error::Answer;
use crate::http::auth::Citizen;
use crate::http::body::Body;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_notices).service(acknowledge_notice);
}

/// My notices, newest first
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<NoticeView>), (status = 401, body = ProblemBody)))]
#[get("/me/notices")]
async fn list_notices(
    app: web::Data<App>,
    citizen: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<NoticeView>>> {
    let limit = page.limit()?;
    let items = notices::list(&app, &citizen, page.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(items, limit, |n| cursor(n.id))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledgement {
    /// Whether somebody should call.
    #[serde(default)]
    call_back: bool,
}

/// Confirm a notice
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), request_body = Option<Acknowledgement>, responses(
    (status = 200, body = NoticeView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[post("/me/notices/{id}/acknowledgement")]
async fn acknowledge_notice(
    app: web::Data<App>,
    citizen: Citizen,
    id: web::Path<Uuid>,
    body: Body<Acknowledgement>,
) -> Answer<web::Json<NoticeView>> {
    let body = body.read().await?;
    Ok(web::Json(notices::acknowledge(&app, &citizen, *id, body.value.call_back).await?))
}
