//! What surrounds every request: its context, a bound on how many are in work, a time-out, headers, a metric.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, ResponseError, web};

use tracing::Instrument;

use super::context::Context;
use super::{log, measure};
use crate::error::{Code, Problem};
use crate::routes::operation::SERVED_AFTER_THE_END;
use crate::state::App;

/// Requests in work in this process.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);

/// Counts a request for as long as it lives.
struct Flight;

impl Flight {
    fn begin(limit: usize) -> Option<Self> {
        let flight = Flight;
        let before = IN_FLIGHT.fetch_add(1, Ordering::Relaxed);
        (before < limit).then_some(flight)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The outermost middleware.
pub async fn frame(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let route = log::route_of(request.request());
    let context = Context::of(request.request());
    let id = context.request_id.clone();
    let span = log::span(request.method(), &route, &id);
    match context.scope(within(request, next, route)).instrument(span.clone()).await {
        Ok(mut response) => {
            dress(response.headers_mut(), &id);
            log::answered(&span, response.status());
            Ok(response)
        }
        Err(error) => {
            let mut response = error.error_response();
            dress(response.headers_mut(), &id);
            log::answered(&span, response.status());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// The headers of every answer.
fn dress(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

async fn within(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    route: Rc<str>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    if !served_after_the_end(request.path()) && app.gate.is_ended().await {
        return Ok(refuse(request, &Problem::new(Code::OperationEnded)));
    }
    let http = &app.settings.http;
    let Some(_flight) = Flight::begin(http.max_in_flight) else {
        return Ok(refuse(request, &Problem::retry(Code::Overloaded, 1000)));
    };
    // Streams and imports take as long as they take; their own bounds apply.
    let unbounded = ["/imports", "/events", ".zip"].iter().any(|p| request.path().contains(p));
    let limit = Duration::from_secs(if unbounded { 24 * 3600 } else { http.request_timeout_seconds });
    let (begun, method) = (Instant::now(), request.method().clone());
    // No clone of the request may be held while it is routed: the router writes into it.
    let Ok(outcome) = tokio::time::timeout(limit, next.call(request)).await else {
        measure::request_timed_out(&method);
        let late = Problem::retry(Code::Overloaded, 1000);
        let response = late.error_response();
        return Err(InternalError::from_response(late, response).into());
    };
    let response = outcome?.map_into_boxed_body();
    measure::request_took(&route, &method, response.status(), begun.elapsed());
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
