//! The notifier's own door: health, metrics, and what providers report ([`receipts`]).

mod receipts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use mashang_infra::telemetry::Telemetry;

use crate::service::Core;

/// Largest push of receipts, in bytes.
const MAX_BODY: usize = 1 << 20;
/// A loop that made no progress for so long makes the process not ready.
const STALLED: Duration = Duration::from_secs(60);

/// What the handlers share.
struct Door {
    core: Arc<Core>,
    telemetry: Option<Telemetry>,
}

/// Opens the door at `address` and answers where it is (port 0 takes any). It closes with the soft stop.
pub(crate) fn open(
    core: &Arc<Core>,
    address: &str,
    telemetry: Option<Telemetry>,
) -> std::io::Result<SocketAddr> {
    receipts::begin_counters(core);
    let door = web::Data::new(Door { core: Arc::clone(core), telemetry });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics_text))
            .configure(receipts::configure)
    })
    .workers(1)
    .client_request_timeout(Duration::from_secs(5))
    .shutdown_timeout(core.settings.notifier.shutdown_seconds)
    .disable_signals()
    .bind(address)?;
    let bound = server.addrs().first().copied().ok_or_else(|| std::io::Error::other("no address"))?;
    let running = server.run();
    let handle = running.handle();
    let soft = core.life.soft.clone();
    core.life.spawn("listener", async move {
        let stopping = async {
            soft.cancelled().await;
            handle.stop(true).await;
        };
        let (served, ()) = tokio::join!(running, stopping);
        if let Err(error) = served {
            tracing::error!(%error, "the listener failed");
        }
    });
    Ok(bound)
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// Ready: the database answers, no loop stands still, and the process is not stopping. The queue may be away: that costs
/// delay only, and is said.
async fn readyz(door: web::Data<Door>) -> HttpResponse {
    let core = &door.core;
    let database =
        tokio::time::timeout(Duration::from_secs(2), core.db.ping()).await.is_ok_and(|r| r.is_ok());
    let queue = core.queue.depth().await.is_ok();
    let stalled = core.life.stalled(STALLED);
    let stopping = core.life.soft.is_cancelled();
    let ready = database && stalled.is_empty() && !stopping;
    let body = serde_json::json!({
        "status": if ready { "ready" } else { "not_ready" },
        "database": database, "queue": queue, "stalled": stalled, "stopping": stopping,
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(body)
}

async fn metrics_text(door: web::Data<Door>) -> HttpResponse {
    let text = door.telemetry.as_ref().map(Telemetry::render).unwrap_or_default();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
