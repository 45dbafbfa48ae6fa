//! What surrounds every request: its context, a bound on how many are in work, a time-out, headers, a metric.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, ResponseError, web};

use super::context::Context;
use super::flight::Flight;
use crate::error::{Code, Problem};
use crate::routes::operation::SERVED_AFTER_THE_END;
use crate::state::App;

/// The outermost middleware.
pub async fn frame(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let context = Context::of(request.request());
    let id = context.request_id.clone();
    match context.scope(within(request, next)).await {
        Ok(mut response) => {
            dress(response.headers_mut(), &id);
            Ok(response)
        }
        Err(error) => {
            let mut response = error.error_response();
            dress(response.headers_mut(), &id);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// The headers of every answer.
fn dress(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

async fn within(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let http = &app.settings.http;
    let Some(flight) = Flight::begin(http.max_in_flight) else {
        metrics::counter!("mashang_http_refused_total").increment(1);
        return Ok(refuse(request, &Problem::retry(Code::Overloaded, Flight::come_again() * 1_000)));
    };
    if !served_after_the_end(request.path()) && app.gate.is_ended().await {
        return Ok(refuse(request, &Problem::new(Code::OperationEnded)));
    }
    // Streams and imports take as long as they take; their own bounds apply.
    let unbounded = ["/imports", "/events", ".zip"].iter().any(|p| request.path().contains(p));
    let limit = Duration::from_secs(if unbounded { 24 * 3600 } else { http.request_timeout_seconds });
    let (begun, method) = (Instant::now(), request.method().as_str().to_owned());
    // No clone of the request may be held while it is routed: the router writes into it.
    let Ok(outcome) = tokio::time::timeout(limit, next.call(request)).await else {
        metrics::counter!("mashang_http_timeouts_total", "method" => method).increment(1);
        let late = Problem::retry(Code::Overloaded, 1000);
        let response = late.error_response();
        return Err(InternalError::from_response(late, response).into());
    };
    let response = outcome?.map_into_boxed_body();
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        flight.served();
    }
    let route = response.request().match_pattern().unwrap_or_else(|| "(none)".to_owned());
    let labels = [("method", method), ("route", route), ("status", response.status().as_u16().to_string())];
    metrics::histogram!("mashang_http_request_seconds", &labels).record(begun.elapsed().as_secs_f64());
    Ok(response)
}

/// What is left when the operation has ended: the state of the service, its description, and the certificate.
fn served_after_the_end(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics" | "/api/openapi.json")
        || path.starts_with("/api/docs")
        || SERVED_AFTER_THE_END.contains(&path)
}

fn refuse(request: ServiceRequest, problem: &Problem) -> ServiceResponse<BoxBody> {
    let response = problem.error_response();
    request.into_response(response)
}

/// The client's address: the peer's, unless the peer is a proxy of ours, which says whom it speaks for.
pub fn client_address(app: &App, request: &HttpRequest) -> String {
    let peer = request.peer_addr().map(|a| a.ip());
    let Some(peer) = peer else { return "unknown".to_owned() };
    let trusted = |ip: &IpAddr| app.settings.http.trusted_proxies.iter().any(|p| p.parse() == Ok(*ip));
    if !trusted(&peer) {
        return network(peer);
    }
    let forwarded = request.headers().get("x-forwarded-for").and_then(|v| v.to_str().ok()).unwrap_or("");
    // From the right: the first address that is no proxy of ours is the client.
    let client =
        forwarded.rsplit(',').filter_map(|a| a.trim().parse::<IpAddr>().ok()).find(|ip| !trusted(ip));
    network(client.unwrap_or(peer))
}

/// IPv6 clients own a /64.
fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
    }
}
