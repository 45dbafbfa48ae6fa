//! The queue and the gateways, as operators see them.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use mashang_domain::delivery::Channel;
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::alert::Delivery;
use crate::app::dispatch::{self, Seen, Use};
use crate::error::{Answer, Problem};
use crate::http::auth::{Staff, may};
use crate::http::body::Body;
use crate::http::page::{Page, PageQuery};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show_dispatch).service(pause_gateway).service(resume_gateway);
    config.service(list_dead_letters).service(resend_dead_letters).service(resend_dead_letter);
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

/// A gateway, and the deliveries of the last 24 hours that went through it.
#[derive(Serialize, ToSchema)]
struct GatewayState {
    name: String,
    /// None for one that no notifier uses any more, or for that of drills.
    channel: Option<Channel>,
    /// No notifier uses it.
    paused: bool,
    paused_at: Option<Timestamp>,
    /// When a notifier last said that it has it.
    seen_at: Option<Timestamp>,
    /// Deliveries by state.
    counts: BTreeMap<String, i64>,
}

impl From<Seen> for GatewayState {
    fn from(Seen { name, row, counts }: Seen) -> Self {
        let paused_at = row.as_ref().and_then(|r| r.paused_at);
        Self {
            name,
            channel: row.as_ref().map(|r| r.channel),
            paused: paused_at.is_some(),
            paused_at,
            seen_at: row.map(|r| r.seen_at),
            counts,
        }
    }
}

/// People whom officials have to call or visit.
#[derive(Serialize, ToSchema)]
struct ToCall {
    open: i64,
    taken: i64,
    oldest_open: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct Dispatch {
    /// Empty when the queue is out of reach.
    streams: Vec<StreamState>,
    deliveries: Due,
    gateways: Vec<GatewayState>,
    work_list: ToCall,
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
        gateways: seen.gateways.into_iter().map(GatewayState::from).collect(),
        work_list: ToCall {
            open: seen.work.open,
            taken: seen.work.taken,
            oldest_open: seen.work.oldest_open,
        },
    }))
}

/// Stop the use of a gateway
///
/// In all notifiers, also after they restart, until it is resumed. What would have gone there takes another gateway or
/// waits. Calls under way end as they end.
#[utoipa::path(tag = "Dispatch", security(("bearer" = [])), responses(
    (status = 200, body = GatewayState), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[post("/dispatch/{gateway}/pause")]
async fn pause_gateway(
    app: web::Data<App>,
    me: Staff<may::ManageDispatch>,
    gateway: web::Path<String>,
) -> Answer<web::Json<GatewayState>> {
    Ok(web::Json(dispatch::change_use(&app, &me.actor(), me.id, &gateway, Use::Pause).await?.into()))
}

/// Use a paused gateway again
#[utoipa::path(tag = "Dispatch", security(("bearer" = [])), responses(
    (status = 200, body = GatewayState), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[post("/dispatch/{gateway}/resume")]
async fn resume_gateway(
    app: web::Data<App>,
    me: Staff<may::ManageDispatch>,
    gateway: web::Path<String>,
) -> Answer<web::Json<GatewayState>> {
    Ok(web::Json(dispatch::change_use(&app, &me.actor(), me.id, &gateway, Use::Resume).await?.into()))
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

/// Which dead letters are sent again; all when nothing is named.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    alert_id: Option<Uuid>,
    /// The first word of their code, such as `tries_spent`.
    #[schema(max_length = 40)]
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Resent {
    /// Deliveries that are due again.
    resent: u64,
    /// There may be more; ask again.
    more: bool,
}

/// Send dead letters again, all or those of an alert or a reason
#[utoipa::path(tag = "Dispatch", security(("bearer" = [])), request_body = Option<Which>, responses(
    (status = 200, body = Resent), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/dispatch/dead-letters/resend")]
async fn resend_dead_letters(
    app: web::Data<App>,
    me: Staff<may::ManageDispatch>,
    body: Body<Which>,
) -> Answer<web::Json<Resent>> {
    let Which { alert_id, reason } = body.read().await?.value;
    let is_word =
        |w: &String| (1..=40).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if reason.as_ref().is_some_and(|w| !is_word(w)) {
        return Err(Problem::field("reason", "invalid", "the first word of a code, such as tries_spent"));
    }
    let resent = dispatch::resend_all(&app, &me.actor(), alert_id, reason.as_deref()).await?;
    Ok(web::Json(Resent { resent, more: resent == dispatch::RESEND_AT_ONCE }))
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
