//! What providers report.
//!
//! A provider that signs its receipts posts to `/receipts/{gateway}`; one that does not posts to
//! `/receipts/{gateway}/{secret}`. Whoever knocks with a wrong name or secret hears 404, whichever of the two it was.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use mashang_config::GatewaySettings;
use secrecy::ExposeSecret;

use super::Door;
use crate::gateway::{Site, machine_time};
use crate::receipt::signature::{TwilioPush, twilio_signed};
use crate::receipt::{Receipt, ReceiptFormat, Reply, path_secret_matches};
use crate::service::Core;
use crate::standard_webhooks::{SignatureHeaders, WebhookSecret};

/// The routes of the receipts.
/// Begins the counters by gateway at zero, or the alarm would not see the first refusal.
pub(super) fn begin_counters(core: &Core) {
    for gateway in &core.settings.gateways {
        metrics::counter!("mashang_receipts_refused_total", "gateway" => gateway.name.clone()).increment(0);
    }
}

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/receipts/{gateway}/{secret}")
                .route(web::get().to(probe))
                .route(web::post().to(unsigned_receipts)),
        )
        .service(
            web::resource("/receipts/{gateway}")
                .route(web::get().to(open_probe))
                .route(web::post().to(receipts_by_name)),
        );
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
        Some((gateway, format)) => take(&door, gateway, format, "", &body).await,
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
        return take(&door, gateway, format, request.query_string(), &body).await;
    }
    let gateway = door.core.settings.gateways.iter().find(|g| g.name == *path);
    let format = gateway.and_then(|g| ReceiptFormat::of(g.kind)).filter(|format| format.signed());
    let (Some(gateway), Some(format)) = (gateway, format) else { return HttpResponse::NotFound().finish() };
    if !is_signed(&door, gateway, format, &request, &body) {
        metrics::counter!("mashang_receipts_refused_total", "gateway" => gateway.name.clone()).increment(1);
        return HttpResponse::Unauthorized().finish();
    }
    take(&door, gateway, format, request.query_string(), &body).await
}

/// Whether the gateway's provider signed this push. What is not signed at all never comes here.
fn is_signed(
    door: &Door,
    gateway: &GatewaySettings,
    format: ReceiptFormat,
    request: &HttpRequest,
    body: &[u8],
) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match format {
        ReceiptFormat::Webhook => {
            let headers = SignatureHeaders {
                id: header("webhook-id"),
                timestamp: header("webhook-timestamp"),
                signature: header("webhook-signature"),
            };
            WebhookSecret::parse(gateway.access_key_secret.expose_secret())
                .is_some_and(|secret| secret.verify(headers, body, door.core.clock.now()).is_ok())
        }
        ReceiptFormat::Twilio => {
            let own = gateway.receipt_secret.expose_secret().is_empty();
            let secret = if own { &gateway.access_key_secret } else { &gateway.receipt_secret };
            let site = Site::new(machine_time(), &door.core.settings.notifier.public_url);
            let push = |url: &str| {
                let push = TwilioPush {
                    url,
                    signature: header("x-twilio-signature"),
                    settings: header("x-twilio-webhooks-signature-settings"),
                    body,
                };
                twilio_signed(secret, push)
            };
            site.receipts(&gateway.name).is_some_and(|url| match request.query_string() {
                "" => push(&url),
                query => push(&format!("{url}?{query}")),
            })
        }
        ReceiptFormat::AliyunSms
        | ReceiptFormat::AliyunVoice
        | ReceiptFormat::TencentSms
        | ReceiptFormat::TencentVoice
        | ReceiptFormat::HuaweiSms => false,
    }
}

/// Reads and applies a push. It is answered only when it is stored: anything else makes the provider push again.
async fn take(
    door: &Door,
    gateway: &GatewaySettings,
    format: ReceiptFormat,
    query: &str,
    body: &[u8],
) -> HttpResponse {
    let gateway = gateway.name.as_str();
    let Ok(report) = format.parse(gateway, query, body) else { return HttpResponse::BadRequest().finish() };
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
    tokio::spawn(async move { crate::receipts::apply(&core, &receipts).await }).await??;
    Ok(())
}

fn reply(answer: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if answer.body.is_empty() {
        return response.finish();
    }
    response.content_type("application/json; charset=utf-8").body(answer.body)
}
