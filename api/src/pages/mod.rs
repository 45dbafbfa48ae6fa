//! HTML for people: small pages that need nothing but themselves.

mod ownership;
mod scan;

use utoipa_actix_web::service_config::ServiceConfig;

/// Pages outside of `/api`.
pub fn configure(config: &mut ServiceConfig<'_>) {
    ownership::configure(config);
    scan::configure(config);
}
