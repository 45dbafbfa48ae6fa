//! One log line per request: method, route pattern, status, milliseconds, request id. Never a body, a query or a header.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use tracing::Span;
use tracing_actix_web::RootSpanBuilder;

/// The span around a request. Path parameters are ids; queries are left out.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let route = request.match_pattern().unwrap_or_else(|| "(none)".to_owned());
        tracing::info_span!("request", method = %request.method(), route, status = tracing::field::Empty, request_id = tracing::field::Empty)
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let Ok(response) = outcome else { return };
        span.record("status", response.status().as_u16());
        if let Some(id) = response.headers().get("x-request-id").and_then(|v| v.to_str().ok()) {
            span.record("request_id", id);
        }
        if response.status().is_server_error() {
            tracing::warn!(parent: &span, "answered with a server error");
        }
    }
}
