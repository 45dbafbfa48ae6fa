//! Assembles the application: routes, documentation, errors for what is not there.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::{ALLOW, HeaderValue, LOCATION};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpRequest, HttpResponse, HttpServer, ResponseError, web};
use utoipa::openapi::{OpenApi, PathItem};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::scope::scope;
use utoipa_swagger_ui::SwaggerUi;

use super::document;
pub use super::document::ProblemBody;
use super::frame::frame;
use crate::error::{Code, Problem};
use crate::routes;
use crate::state::App;

fn services(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
    config.service(scope("/api/v1").configure(routes::v1));
    routes::health::configure(config);
    crate::pages::configure(config);
}

/// The OpenAPI document, collected from the very routes that are served.
pub fn openapi() -> OpenApi {
    let app = ActixApp::new().into_utoipa_app().openapi(document::blank());
    let (_, collected) = app.configure(services).split_for_parts();
    document::complete(collected)
}

/// Configures everything but the frame.
fn assemble(config: &mut web::ServiceConfig, document: &Arc<OpenApi>) {
    let mut collected = utoipa_actix_web::service_config::ServiceConfig::new(config);
    services(&mut collected);
    let document = (**document).clone();
    config
        .app_data(web::QueryConfig::default().error_handler(|e, _| bad_query(&e).into()))
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::new(Code::NotFound).into()))
        .service(web::resource("/api/docs").to(async || moved("/api/docs/")))
        .service(SwaggerUi::new("/api/docs/{_:.*}").url("/api/openapi.json", document))
        .default_service(web::to(nothing_here));
}

fn moved(to: &'static str) -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, HeaderValue::from_static(to))).finish()
}

fn bad_query(error: &actix_web::error::QueryPayloadError) -> Problem {
    let text = error.to_string();
    match text.split("unknown field `").nth(1).and_then(|t| t.split('`').next()) {
        Some(field) => Problem::with_detail(Code::UnknownField, format!("`{field}`")),
        None => Problem::with_detail(Code::Invalid, "the query cannot be read"),
    }
}

/// 405 for a path without variables that has no such method: else the path with an id beside it would take the request,
/// and whoever asks `PATCH /staff/sessions` would hear of a member of staff.
pub(super) fn method_missing(request: &HttpRequest) -> Option<HttpResponse> {
    let document = request.app_data::<web::Data<OpenApi>>()?;
    let allowed = methods(document.paths.paths.get(request.path())?);
    (!allowed.contains(&request.method().as_str())).then(|| not_allowed(&allowed))
}

/// 405 where the path exists with another method, otherwise 404.
async fn nothing_here(request: HttpRequest, document: web::Data<OpenApi>) -> HttpResponse {
    let allowed =
        document.paths.paths.iter().find(|(p, _)| matches(p, request.path())).map(|(_, item)| methods(item));
    match allowed.filter(|m| !m.contains(&request.method().as_str())) {
        Some(methods) => not_allowed(&methods),
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

fn methods(item: &PathItem) -> Vec<&'static str> {
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

/// A running server and the address it listens on.
pub struct Listening {
    pub server: Server,
    pub address: std::net::SocketAddr,
}

/// Binds and starts serving.
pub fn start(app: web::Data<App>) -> std::io::Result<Listening> {
    let http = app.settings.http.clone();
    let document = Arc::new(openapi());
    let shared_document = web::Data::from(Arc::clone(&document));
    let workers = if http.workers == 0 {
        std::thread::available_parallelism().map_or(2, usize::from)
    } else {
        http.workers
    };
    let server = HttpServer::new(move || {
        let document = Arc::clone(&document);
        ActixApp::new()
            .app_data(app.clone())
            .app_data(shared_document.clone())
            .configure(move |config| assemble(config, &document))
            .wrap(from_fn(frame))
    })
    .workers(workers)
    .keep_alive(Duration::from_secs(http.keep_alive_seconds))
    .client_request_timeout(Duration::from_secs(http.client_request_timeout_seconds))
    .shutdown_timeout(http.shutdown_seconds)
    .disable_signals()
    .bind(&http.listen)?;
    let address =
        server.addrs().first().copied().ok_or_else(|| std::io::Error::other("no address was bound"))?;
    Ok(Listening { server: server.run(), address })
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
