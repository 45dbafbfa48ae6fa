//! The OpenAPI document: collected from the routes that are served, and completed with what the frame around them
//! answers.
//!
//! A route names the answers that are its own. That a token may be missing, a body malformed or the service busy is true
//! of all routes of a kind; it is written down here once, so that no route can forget it.

use serde::Serialize;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{Modify, ToSchema};

use super::gb;
use crate::error::{Code, FieldError};
use crate::routes::operation::SERVED_AFTER_THE_END;

const PROBLEM: &str = "application/problem+json";

/// `application/problem+json` (RFC 9457), as documented; [`crate::error::Problem`] writes it.
#[derive(Serialize, ToSchema)]
pub struct ProblemBody {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// Stable word; see the list in the description of this document.
    #[schema(example = "rate_limited")]
    code: String,
    detail: String,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FieldError>>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "From POST /auth/sessions, /staff/sessions or, for devices at gates, /api-keys",
            ))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The document before the routes are collected into it.
pub(super) fn blank() -> OpenApi {
    let codes: Vec<String> = Code::ALL
        .iter()
        .map(|c| format!("| `{}` | {} | {} | {} |", c.word(), c.status(), c.title_zh(), c.title_en()))
        .collect();
    let description = format!(
        "码上：场所码、追踪与提醒。Venue codes, tracing and alerts.\n\nErrors are `application/problem+json`; clients read `code`:\n\n| code | status | 中文 | English |\n|---|---|---|---|\n{}",
        codes.join("\n")
    );
    let info = InfoBuilder::new()
        .title("Mashang 码上")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .build();
    let mut document = OpenApiBuilder::new().info(info).build();
    Security.modify(&mut document);
    document
}

/// Adds to every operation the refusals of its kind, and gives all refusals the content type they have.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            gb::name(path, method, operation);
            for status in refusals(path, operation) {
                operation
                    .responses
                    .responses
                    .entry(status.to_owned())
                    .or_insert_with(|| refusal(status).into());
            }
            for answer in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = answer {
                    say_problem(response);
                }
            }
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// What may be answered instead of the operation's own answers.
fn refusals(path: &str, operation: &Operation) -> Vec<&'static str> {
    // A URI that cannot be read; too many requests in work.
    let mut statuses = vec!["400", "503"];
    if operation.security.as_ref().is_some_and(|s| !s.is_empty()) {
        statuses.extend(["401", "403"]);
    }
    if path.contains('{') {
        statuses.push("404");
    }
    if operation.request_body.is_some() {
        statuses.extend(["413", "415", "422"]);
    }
    let parameters = operation.parameters.iter().flatten();
    let has_query = |p: &RefOr<utoipa::openapi::path::Parameter>| matches!(p, RefOr::T(p) if p.parameter_in == ParameterIn::Query);
    if parameters.clone().any(has_query) {
        statuses.push("422");
    }
    if path.starts_with("/api/v1") && !SERVED_AFTER_THE_END.contains(&path) {
        statuses.push("410");
    }
    statuses
}

fn refusal(status: &str) -> Response {
    let words: Vec<&str> =
        Code::ALL.iter().filter(|c| c.status().to_string() == status).map(|c| c.title_en()).collect();
    let body = Content::new(Some(Ref::from_schema_name("ProblemBody")));
    ResponseBuilder::new().description(words.join("; ")).content(PROBLEM, body).build()
}

/// A [`ProblemBody`] is never sent as plain JSON.
fn say_problem(response: &mut Response) {
    let of_problem = |content: &RefOr<Content>| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else { return false };
        schema.ref_location.ends_with("/ProblemBody")
    };
    if response.content.get("application/json").is_some_and(of_problem)
        && let Some(content) = response.content.shift_remove("application/json")
    {
        response.content.insert(PROBLEM.to_owned(), content);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::server::openapi;

    #[test]
    fn the_document_is_openapi_3_1_and_names_every_code() {
        let json = openapi().to_json().expect("serialises");
        assert!(json.contains("\"openapi\":\"3.1.0\""));
        for code in Code::ALL {
            assert!(json.contains(code.word()));
        }
    }

    #[test]
    fn every_refusal_is_a_problem() {
        let json: Value = serde_json::to_value(openapi()).expect("serialises");
        let paths = json["paths"].as_object().expect("paths");
        for (path, method, operation) in paths.iter().flat_map(|(path, item)| {
            item.as_object()
                .expect("an item")
                .iter()
                .map(move |(method, operation)| (path, method, operation))
        }) {
            let responses = operation["responses"].as_object().expect("responses");
            for (status, response) in responses.iter().filter(|(s, _)| s.starts_with(['4', '5'])) {
                let kinds: Vec<&String> = response["content"].as_object().expect("a body").keys().collect();
                let own = path == "/readyz" || path.starts_with("/v/");
                assert!(own || kinds == [PROBLEM], "{method} {path} {status}: {kinds:?}");
            }
            if operation["requestBody"]["content"]["application/json"].is_object() {
                for status in ["400", "413", "415", "422"] {
                    assert!(responses.contains_key(status), "{method} {path}: no {status}");
                }
            }
            let secured = operation["security"].is_array();
            assert!(!secured || responses.contains_key("401"), "{method} {path}: no 401");
        }
    }
}
