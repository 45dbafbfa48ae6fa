//! The progress of an alert as it happens (server-sent events).
//!
//! The database is asked twice a second, and an event is sent when the answer differs. A comment every 15 seconds keeps
//! proxies from closing the stream; it ends with the alert, or when this process stops.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use futures_util::{Stream, stream};
use mashang_domain::alert::AlertState;
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::case::office;
use crate::app::alert;
use crate::app::alert::view::view;
use crate::app::case::Office;
use crate::error::{Answer, Problem};
use crate::http::auth::{Staff, may};
use crate::http::server::ProblemBody;
use crate::state::App;

/// At most two events a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(watch_alert);
}

/// One event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the stream holds")]
struct AlertEvent {
    #[schema(example = "alert")]
    event: String,
    /// The object of `GET /alerts/{id}`, as JSON.
    data: String,
}

/// Watch an alert
///
/// Server-sent events named `alert`, each the object of `GET /alerts/{id}`: one at once, then one at every change.
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), responses(
    (status = 200, content_type = "text/event-stream", body = AlertEvent), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
#[get("/alerts/{id}/events")]
async fn watch_alert(
    app: web::Data<App>,
    me: Staff<may::ReadAlerts>,
    id: web::Path<Uuid>,
) -> Answer<HttpResponse> {
    let office = office(&me);
    alert::find(&app, &office, *id).await?;
    let watch = Watch { app: Arc::clone(&app), office, id: *id, last: String::new(), spoke: Instant::now() };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(events(watch))))
}

/// Who watches what, and what was said last.
struct Watch {
    app: Arc<App>,
    office: Office,
    id: Uuid,
    last: String,
    spoke: Instant,
}

fn events(watch: Watch) -> impl Stream<Item = Result<web::Bytes, Problem>> {
    stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        loop {
            match watch.look().await {
                Ok(Some((text, done))) => return Some((Ok(text.into()), (!done).then_some(watch))),
                Ok(None) => {}
                Err(problem) => return Some((Err(problem), None)),
            }
            if watch.spoke.elapsed() >= HEARTBEAT_EVERY {
                watch.spoke = Instant::now();
                return Some((Ok(web::Bytes::from_static(b": still here\n\n")), Some(watch)));
            }
            watch.app.lifecycle.soft.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await?;
        }
    })
}

impl Watch {
    /// The event, if anything changed, and whether it is the last one. After an event the next look waits its time.
    async fn look(&mut self) -> Answer<Option<(String, bool)>> {
        if !self.last.is_empty() && self.spoke.elapsed() < LOOK_EVERY {
            return Ok(None);
        }
        let row = alert::find(&self.app, &self.office, self.id).await?;
        let done = matches!(row.state, AlertState::Done | AlertState::Rejected | AlertState::Cancelled);
        let data = serde_json::to_string(&view(&self.app, row).await?).map_err(Problem::internal)?;
        if data == self.last && !done {
            return Ok(None);
        }
        self.spoke = Instant::now();
        let event = format!("event: alert\ndata: {data}\n\n");
        self.last = data;
        Ok(Some((event, done)))
    }
}
