//! What surrounds every request: its context, a bound on how many are in work, a time-out, headers, a metric.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, ResponseError, web};

use tracing::Instrument;

use super::context::Context;
use super::flight::Flight;
use super::{log, measure, unread};
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
    let limit =
        request.app_data::<web::Data<App>>().map_or(usize::MAX, |app| app.settings.http.max_in_flight);
    let Some(flight) = Flight::begin(limit) else {
        let mut response = context.scope(send_away(request)).await;
        dress(response.headers_mut(), &id);
        return Ok(response);
    };
    let route = log::route_of(request.request());
    let span = log::span(request.method(), &route, &id);
    match context.scope(within(request, next, route, &flight)).instrument(span.clone()).await {
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
    flight: &Flight,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    // No name of ours holds a NUL, and PostgreSQL could not look for one.
    if request.uri().path().contains("%00") {
        return Ok(refuse(request, &Problem::new(Code::NotFound)));
    }
    if request.uri().query().is_some_and(|query| query.contains("%00")) {
        return Ok(refuse(request, &Problem::with_detail(Code::Invalid, "U+0000")));
    }
    if let Some(response) = super::surface::method_missing(request.request()) {
        return Ok(request.into_response(response));
    }
    if !served_after_the_end(request.path()) && app.gate.is_ended().await {
        return Ok(refuse(request, &Problem::new(Code::OperationEnded)));
    }
    // Streams and imports take as long as they take; their own bounds apply.
    let unbounded = ["/imports", "/events", ".zip"].iter().any(|p| request.path().contains(p));
    let limit =
        Duration::from_secs(if unbounded { 24 * 3600 } else { app.settings.http.request_timeout_seconds });
    let (begun, method) = (Instant::now(), request.method().clone());
    // No clone of the request may be held while it is routed: the router writes into it.
    let Ok(outcome) = tokio::time::timeout(limit, next.call(request)).await else {
        measure::request_timed_out(&method);
        let late = Problem::retry(Code::Overloaded, 1000);
        let response = late.error_response();
        return Err(InternalError::from_response(late, response).into());
    };
    let response = outcome?.map_into_boxed_body();
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        flight.served();
    }
    measure::request_took(&route, &method, response.status(), begun.elapsed());
    Ok(response)
}

/// For one who finds too many before them. It costs as little as it can: no span, no line in the log; the flights say once
/// in a while how many there were.
async fn send_away(mut request: ServiceRequest) -> ServiceResponse<BoxBody> {
    metrics::counter!("mashang_http_refused_total").increment(1);
    unread::read_to_the_end(&mut request).await;
    refuse(request, &Problem::retry(Code::Overloaded, Flight::come_again() * 1_000))
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
    let Some(peer) = request.peer_addr().map(|a| a.ip().to_canonical()) else { return "unknown".to_owned() };
    let proxies: Vec<IpAddr> =
        app.settings.http.trusted_proxies.iter().filter_map(|p| p.parse().ok()).collect();
    // Some proxies add a line of their own instead of lengthening the one that came.
    let lines = request.headers().get_all("x-forwarded-for");
    network(behind(peer, &proxies, &lines.filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join(",")))
}

/// Whom the proxies speak for, read from the right: each proxy of ours vouches for the address before it, and for no
/// other. An entry that is no address ends the chain: what stands before it may be anybody's invention.
fn behind(peer: IpAddr, proxies: &[IpAddr], forwarded: &str) -> IpAddr {
    let mut client = peer;
    for entry in forwarded.rsplit(',') {
        if !proxies.contains(&client) {
            break;
        }
        match address(entry.trim()) {
            Some(before) => client = before,
            None => break,
        }
    }
    client
}

/// An address, with or without a port.
fn address(entry: &str) -> Option<IpAddr> {
    let ip = entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|a| a.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let proxies: Vec<IpAddr> = ["10.0.0.1", "10.0.0.2"].iter().filter_map(|p| p.parse().ok()).collect();
        for (peer, forwarded, client) in [
            ("203.0.113.9", "1.1.1.1", "203.0.113.9"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "1.1.1.1,203.0.113.9,10.0.0.2", "203.0.113.9"),
            ("10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"),
            ("10.0.0.1", "1.1.1.1, 203.0.113.9:4711", "203.0.113.9"),
            ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ] {
            let peer: IpAddr = peer.parse().expect("an address");
            assert_eq!(behind(peer, &proxies, forwarded).to_string(), client, "{peer} {forwarded}");
        }
    }

    #[test]
    fn ipv6_counts_by_network() {
        let of = |ip: &str| network(ip.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
