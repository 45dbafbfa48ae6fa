//! What log lines of a request carry: method, route pattern, request id. Never a body, a query or a header.
//!
//! The fields are known when the span begins and none is added later: a line in JSON would have to be read and written
//! again for each. Every request has a span, few have a line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use tracing::Span;

/// The span around a request. Path parameters are ids; queries are left out.
pub fn span(method: &Method, route: &str, request_id: &str) -> Span {
    tracing::info_span!("request", %method, route, request_id)
}

/// A line for each answer that is our fault.
pub fn answered(span: &Span, status: StatusCode) {
    if status.is_server_error() {
        tracing::warn!(parent: span, status = status.as_u16(), "answered with a server error");
    }
}

thread_local! {
    static STATIC_ROUTES: RefCell<HashMap<String, Rc<str>>> = RefCell::default();
}

/// The pattern of the route that a request will take. Looking for it costs as much as routing, so those of paths
/// without parameters are kept: there are only so many.
pub fn route_of(request: &HttpRequest) -> Rc<str> {
    let path = request.path();
    if let Some(route) = STATIC_ROUTES.with_borrow(|routes| routes.get(path).cloned()) {
        return route;
    }
    let pattern = request.match_pattern();
    let route: Rc<str> = pattern.as_deref().unwrap_or("(none)").into();
    if pattern.as_deref() == Some(path) {
        STATIC_ROUTES.with_borrow_mut(|routes| routes.insert(path.to_owned(), Rc::clone(&route)));
    }
    route
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use mashang_infra::telemetry::{LogFormat, subscriber};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whatever_is_logged_within_a_request_has_its_id_and_route() {
        let page = Page::default();
        let writer = page.clone();
        let lines = subscriber(LogFormat::Json, "info", move || writer.clone()).expect("the filter reads");
        tracing::subscriber::with_default(lines, || {
            let span = span(&Method::POST, "/api/v1/scans", "r-1");
            span.in_scope(|| tracing::error!("request failed"));
            answered(&span, StatusCode::SERVICE_UNAVAILABLE);
            answered(&span, StatusCode::CREATED);
        });
        let text = String::from_utf8(page.0.lock().expect("not poisoned").clone()).expect("text");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        assert_eq!(lines.len(), 2, "{text}");
        for line in &lines {
            let span = &line["span"];
            assert_eq!(
                (&span["request_id"], &span["route"]),
                (&"r-1".into(), &"/api/v1/scans".into()),
                "{line}"
            );
        }
        assert_eq!(lines[1]["status"], 503);
    }
}
