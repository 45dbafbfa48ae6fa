//! How long requests take, by method, route and status.
//!
//! Finding a histogram by its labels costs more than writing into it, so each worker keeps those it has used.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::Histogram;

type Labels = (Rc<str>, &'static str, StatusCode);

thread_local! {
    static HISTOGRAMS: RefCell<HashMap<Labels, Histogram>> = RefCell::default();
}

/// Writes down how long a request took.
pub fn request_took(route: &Rc<str>, method: &Method, status: StatusCode, took: Duration) {
    let method = word(method);
    HISTOGRAMS.with_borrow_mut(|histograms| {
        let histogram = histograms
            .entry((Rc::clone(route), method, status))
            .or_insert_with(|| histogram_of(route, method, status));
        histogram.record(took.as_secs_f64());
    });
}

/// A request that was cut for taking too long.
pub fn request_timed_out(method: &Method) {
    metrics::counter!("mashang_http_timeouts_total", "method" => word(method)).increment(1);
}

fn histogram_of(route: &str, method: &'static str, status: StatusCode) -> Histogram {
    let labels =
        [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    metrics::histogram!("mashang_http_request_seconds", &labels)
}

/// Clients may invent methods; each would be another series for ever.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_make_no_series() {
        let invented = Method::from_bytes(b"BREW").expect("a method");
        assert_eq!((word(&invented), word(&Method::PATCH)), ("other", "PATCH"));
    }
}
