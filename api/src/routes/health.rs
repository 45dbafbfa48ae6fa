//! Is this process alive, is it ready, and what does it measure.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::state::App;

/// How long the database may take for its sign of life: a probe that gets no answer draws its own conclusions.
const PATIENCE: Duration = Duration::from_secs(1);

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(healthz).service(readyz).service(metrics);
}

#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
}

/// Is the process alive
#[utoipa::path(tag = "Service", responses((status = 200, body = Health)))]
#[get("/healthz")]
async fn healthz() -> web::Json<Health> {
    web::Json(Health { status: "ok" })
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ready`, `degraded` (scans work, sign-in waits for Redis) or `not_ready`.
    status: &'static str,
    database: bool,
    redis: Option<bool>,
    stopping: bool,
}

/// Can the process serve
#[utoipa::path(tag = "Service", responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
#[get("/readyz")]
async fn readyz(app: web::Data<App>) -> HttpResponse {
    let database = tokio::time::timeout(PATIENCE, app.db.ping()).await.is_ok_and(|pong| pong.is_ok());
    let redis = match &app.redis {
        Some(pools) => Some(pools.ping().await.is_ok()),
        None => None,
    };
    let stopping = app.lifecycle.soft.is_cancelled();
    let ready = database && !stopping;
    let status = match (ready, redis) {
        (false, _) => "not_ready",
        (true, Some(false)) => "degraded",
        (true, Some(true) | None) => "ready",
    };
    let body = Readiness { status, database, redis, stopping };
    if ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

/// Metrics for Prometheus
#[utoipa::path(tag = "Service", responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/metrics")]
async fn metrics(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(app.telemetry.render())
}
