//! The queue and the gateways, as operators see them.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use mashang_domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::alert::Delivery;
use crate::app::dispatch;
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::page::{Page, PageQuery};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show_dispatch).service(list_dead_letters).service(resend_dead_letter);
}

/// How full one stream of the queue is.
#[derive(Serialize, ToSchema)]
struct StreamState {
    /// `login` or `alert`.
    stream: &'static str,
    /// Tasks nobody has taken.
    waiting: usize,
    /// Tasks that are taken and not done.
    pending: usize,
    /// Age of the oldest task that is not done.
    oldest_seconds: Option<u64>,
}

/// What the database says is to be sent.
#[derive(Serialize, ToSchema)]
struct Due {
    due: i64,
    oldest_due: Option<Timestamp>,
    sending: i64,
    unknown: i64,
}

/// Deliveries of the last 24 hours that went through a gateway.
#[derive(Serialize, ToSchema)]
struct GatewayState {
    name: String,
    /// Deliveries by state.
    counts: BTreeMap<String, i64>,
}

#[derive(Serialize, ToSchema)]
struct Dispatch {
    /// Empty when the queue is out of reach.
    streams: Vec<StreamState>,
    deliveries: Due,
    gateways: Vec<GatewayState>,
}

/// The queue and the gateways
#[utoipa::path(tag = "Dispatch", security(("bearer" = [])), responses(
    (status = 200, body = Dispatch), (status = 403, body = ProblemBody)))]
#[get("/dispatch")]
async fn show_dispatch(app: web::Data<App>, _: Staff<may::ManageDispatch>) -> Answer<web::Json<Dispatch>> {
    let seen = dispatch::overview(&app).await?;
    let streams = seen.streams.into_iter().map(|s| StreamState {
        stream: s.priority.as_str(),
        waiting: s.waiting,
        pending: s.pending,
        oldest_seconds: s.oldest_ms.map(|ms| ms / 1000),
    });
    let b = seen.backlog;
    Ok(web::Json(Dispatch {
        streams: streams.collect(),
        deliveries: Due { due: b.due, oldest_due: b.oldest_due, sending: b.sending, unknown: b.unknown },
        gateways: seen.gateways.into_iter().map(|(name, counts)| GatewayState { name, counts }).collect(),
    }))
}

/// Deliveries that were given up, newest first
#[utoipa::path(tag = "Dispatch", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<Delivery>), (status = 403, body = ProblemBody)))]
#[get("/dispatch/dead-letters")]
async fn list_dead_letters(
    app: web::Data<App>,
    _: Staff<may::ManageDispatch>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<Delivery>>> {
    let limit = page.limit()?;
    let rows = dispatch::dead_letters(&app, page.after_id()?, limit + 1).await?;
    let items = rows.into_iter().map(|d| Delivery::of(d, None)).collect();
    Ok(web::Json(Page::of(items, limit, Delivery::cursor)))
}

/// Send a dead letter again
#[utoipa::path(tag = "Dispatch", security(("bearer" = [])), responses(
    (status = 200, body = Delivery), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/dispatch/dead-letters/{id}/resend")]
async fn resend_dead_letter(
    app: web::Data<App>,
    me: Staff<may::ManageDispatch>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<Delivery>> {
    Ok(web::Json(Delivery::of(dispatch::resend(&app, &me.actor(), *id).await?, None)))
}
