//! Assembles the application: routes, documentation, errors for what is not there.

use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpResponse, HttpServer, guard, web};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::scope::scope;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::document;
pub use super::document::ProblemBody;
use super::frame::frame;
use super::surface::{Surface, nothing_here, openapi_json};
use crate::error::{Code, Problem};
use crate::routes;
use crate::state::App;

/// Where the OpenAPI document is.
const DOCUMENT: &str = "/api/openapi.json";

fn services(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
    config.service(scope("/api/v1").configure(routes::v1));
    routes::health::configure(config);
    routes::checkpoint::configure_root(config);
    crate::pages::configure(config);
}

/// The OpenAPI document, collected from the very routes that are served.
pub fn openapi() -> OpenApi {
    let app = ActixApp::new().into_utoipa_app().openapi(document::blank());
    let (_, collected) = app.configure(services).split_for_parts();
    document::complete(collected)
}

/// Configures everything but the frame.
fn assemble(config: &mut web::ServiceConfig) {
    let mut collected = utoipa_actix_web::service_config::ServiceConfig::new(config);
    services(&mut collected);
    config
        .app_data(web::QueryConfig::default().error_handler(|e, _| bad_query(&e).into()))
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::new(Code::NotFound).into()))
        .service(web::resource("/api/docs").to(async || moved("/api/docs/")))
        .service(web::resource(DOCUMENT).guard(guard::Get()).to(openapi_json))
        .service(SwaggerUi::new("/api/docs/{_:.*}").config(Config::new([DOCUMENT])))
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

/// A running server and the address it listens on.
pub struct Listening {
    pub server: Server,
    pub address: std::net::SocketAddr,
}

/// Binds and starts serving.
pub fn start(app: web::Data<App>) -> std::io::Result<Listening> {
    let http = app.settings.http.clone();
    let surface = web::Data::new(Surface::of(&openapi()).map_err(std::io::Error::other)?);
    let workers = if http.workers == 0 {
        std::thread::available_parallelism().map_or(2, usize::from)
    } else {
        http.workers
    };
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(app.clone())
            .app_data(surface.clone())
            .configure(assemble)
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
