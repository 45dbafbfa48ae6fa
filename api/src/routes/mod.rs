//! JSON routes. A handler extracts, calls one use case, answers; request and answer types sit beside it.

pub mod audit;
pub mod auth;
pub mod health;
pub mod me;
pub mod operation;
pub mod retention;
pub mod staff;
pub mod venue;
pub mod venue_code;
pub mod venue_import;
pub mod venue_poster;

use utoipa_actix_web::service_config::ServiceConfig;

/// All routes under `/api/v1`.
pub fn v1(config: &mut ServiceConfig<'_>) {
    audit::configure(config);
    auth::configure(config);
    me::configure(config);
    operation::configure(config);
    retention::configure(config);
    staff::configure(config);
    venue_import::configure(config);
    venue_poster::configure(config);
    venue_code::configure(config);
    venue::configure(config);
}
