//! What is served: the document that says so, as text, and which methods each path has.
//!
//! The document is a tree of a hundred thousand small values, some six megabytes. So it is made once, and only its text
//! and the table of methods are kept.

use std::collections::HashMap;

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use utoipa::openapi::{OpenApi, PathItem};

use crate::error::{Code, Problem};

type Methods = Vec<&'static str>;

pub(super) struct Surface {
    text: web::Bytes,
    /// By path without variables.
    plain: HashMap<String, Methods>,
    /// With variables, in the order of the document.
    templates: Vec<(String, Methods)>,
}

impl Surface {
    pub(super) fn of(document: &OpenApi) -> serde_json::Result<Self> {
        let text = web::Bytes::from(document.to_json()?);
        let (templates, plain): (Vec<_>, Vec<_>) = document
            .paths
            .paths
            .iter()
            .map(|(path, item)| (path.clone(), methods(item)))
            .partition(|(path, _)| path.contains('{'));
        Ok(Self { text, plain: plain.into_iter().collect(), templates })
    }

    /// The methods of whatever a path leads to.
    fn methods_of(&self, path: &str) -> Option<&Methods> {
        let template = || self.templates.iter().find(|(template, _)| matches(template, path));
        self.plain.get(path).or_else(|| template().map(|(_, methods)| methods))
    }
}

/// The document as JSON.
pub(super) async fn openapi_json(surface: web::Data<Surface>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(surface.text.clone())
}

/// 405 for a path without variables that has no such method: else the path with an id beside it would take the request,
/// and whoever asks `PATCH /staff/sessions` would hear of a member of staff.
pub(super) fn method_missing(request: &HttpRequest) -> Option<HttpResponse> {
    let surface = request.app_data::<web::Data<Surface>>()?;
    let allowed = surface.plain.get(request.path())?;
    (!allowed.contains(&request.method().as_str())).then(|| not_allowed(allowed))
}

/// 405 where the path exists with another method, otherwise 404.
pub(super) async fn nothing_here(request: HttpRequest, surface: web::Data<Surface>) -> HttpResponse {
    let allowed = surface.methods_of(request.path());
    match allowed.filter(|methods| !methods.contains(&request.method().as_str())) {
        Some(methods) => not_allowed(methods),
        None => Problem::new(Code::NotFound).error_response(),
    }
}

fn not_allowed(methods: &[&str]) -> HttpResponse {
    let mut response = Problem::new(Code::MethodNotAllowed).error_response();
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(w), Some(g)) if segment_matches(w, g) => {}
            (Some(_) | None, _) => return false,
        }
    }
}

/// `{id}` takes anything, `poster.{format}` anything after the dot.
fn segment_matches(wanted: &str, given: &str) -> bool {
    match wanted.split_once('{') {
        None => wanted == given,
        Some((head, tail)) => {
            let end = tail.split_once('}').map_or("", |(_, e)| e);
            given.len() > head.len() + end.len() && given.starts_with(head) && given.ends_with(end)
        }
    }
}

fn methods(item: &PathItem) -> Methods {
    [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ]
    .into_iter()
    .filter_map(|(name, operation)| operation.as_ref().map(|_| name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_paths() {
        assert!(matches("/api/v1/staff/{id}", "/api/v1/staff/7"));
        assert!(!matches("/api/v1/staff/{id}", "/api/v1/staff/7/x"));
        assert!(matches("/venues/{id}/poster.{format}", "/venues/7/poster.pdf"));
        assert!(!matches("/venues/{id}/poster.{format}", "/venues/7/poster."));
    }
}
