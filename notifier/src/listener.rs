//! The notifier's own door: health, metrics, and what providers report.
//!
//! A provider that signs its receipts posts to `/receipts/{gateway}`; one that does not posts to
//! `/receipts/{gateway}/{secret}`. Whoever knocks with a wrong name or secret hears 404, whichever of the two it was.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use mashang_config::GatewaySettings;
use mashang_infra::telemetry::Telemetry;
use secrecy::ExposeSecret;

use crate::receipt::{Receipt, ReceiptFormat, Reply, path_secret_matches};
use crate::receipts;
use crate::service::Core;
use crate::standard_webhooks::{SignatureHeaders, WebhookSecret};

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
    let door = web::Data::new(Door { core: Arc::clone(core), telemetry });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics_text))
            .service(
                web::resource("/receipts/{gateway}/{secret}")
                    .route(web::get().to(probe))
                    .route(web::post().to(unsigned_receipts)),
            )
            .service(
                web::resource("/receipts/{gateway}")
                    .route(web::get().to(open_probe))
                    .route(web::post().to(receipts_by_name)),
            )
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

/// The gateway that reports with this name and this path secret.
fn unsigned<'a>(door: &'a Door, path: &(String, String)) -> Option<(&'a GatewaySettings, ReceiptFormat)> {
    let gateway = door.core.settings.gateways.iter().find(|g| g.name == path.0)?;
    let format = ReceiptFormat::of(gateway.kind).filter(|format| !format.signed())?;
    path_secret_matches(&gateway.receipt_secret, &path.1).then_some((gateway, format))
}

/// In development a gateway without a receipt secret reports at `/receipts/{gateway}`, unsigned: a fake provider on the
/// loopback needs no secret, and a receipt only ever moves a delivery we know forward.
fn open_in_development<'a>(door: &'a Door, name: &str) -> Option<(&'a GatewaySettings, ReceiptFormat)> {
    let settings = &door.core.settings;
    let gateway = settings.gateways.iter().find(|g| g.name == name && !settings.production())?;
    let format = ReceiptFormat::of(gateway.kind).filter(|format| !format.signed())?;
    gateway.receipt_secret.expose_secret().is_empty().then_some((gateway, format))
}

async fn open_probe(door: web::Data<Door>, path: web::Path<String>) -> HttpResponse {
    match open_in_development(&door, &path).and_then(|(_, format)| format.probe_reply()) {
        Some(answer) => reply(answer),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn probe(door: web::Data<Door>, path: web::Path<(String, String)>) -> HttpResponse {
    match unsigned(&door, &path).and_then(|(_, format)| format.probe_reply()) {
        Some(answer) => reply(answer),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn unsigned_receipts(
    door: web::Data<Door>,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> HttpResponse {
    match unsigned(&door, &path) {
        Some((gateway, format)) => take(&door, &gateway.name, format, &body).await,
        None => HttpResponse::NotFound().finish(),
    }
}

async fn receipts_by_name(
    door: web::Data<Door>,
    path: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if let Some((gateway, format)) = open_in_development(&door, &path) {
        return take(&door, &gateway.name, format, &body).await;
    }
    let gateway = door.core.settings.gateways.iter().find(|g| g.name == *path);
    let format = gateway.and_then(|g| ReceiptFormat::of(g.kind)).filter(|format| format.signed());
    let (Some(gateway), Some(format)) = (gateway, format) else { return HttpResponse::NotFound().finish() };
    if !is_signed(&door, gateway, &request, &body) {
        metrics::counter!("mashang_receipts_refused_total", "gateway" => gateway.name.clone()).increment(1);
        return HttpResponse::Unauthorized().finish();
    }
    take(&door, &gateway.name, format, &body).await
}

fn is_signed(door: &Door, gateway: &GatewaySettings, request: &HttpRequest, body: &[u8]) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let headers = SignatureHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    WebhookSecret::parse(gateway.access_key_secret.expose_secret())
        .is_some_and(|secret| secret.verify(headers, body, door.core.clock.now()).is_ok())
}

/// Reads and applies a push. It is answered only when it is stored: anything else makes the provider push again.
async fn take(door: &Door, gateway: &str, format: ReceiptFormat, body: &[u8]) -> HttpResponse {
    let Ok(report) = format.parse(gateway, body) else { return HttpResponse::BadRequest().finish() };
    if report.unreadable > 0 {
        metrics::counter!("mashang_receipts_total", "result" => "unreadable")
            .increment(report.unreadable as u64);
        tracing::warn!(gateway, entries = report.unreadable, "receipts that cannot be read");
    }
    match store(door, &report.receipts).await {
        Ok(()) => reply(format.reply()),
        Err(error) => {
            tracing::warn!(gateway, %error, "receipts could not be stored; the provider pushes them again");
            HttpResponse::ServiceUnavailable().insert_header(("retry-after", "5")).finish()
        }
    }
}

/// In a task of its own: a provider that hangs up does not cut the transaction.
async fn store(door: &Door, receipts: &[Receipt]) -> anyhow::Result<()> {
    let (core, receipts) = (Arc::clone(&door.core), receipts.to_vec());
    tokio::spawn(async move { receipts::apply(&core, &receipts).await }).await??;
    Ok(())
}

fn reply(answer: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).content_type("application/json; charset=utf-8").body(answer.body)
}
