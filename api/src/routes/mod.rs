//! JSON routes. A handler extracts, calls one use case, answers; request and answer types sit beside it.

pub mod alert;
pub mod alert_events;
pub mod alert_report;
pub mod api_key;
pub mod audit;
pub mod auth;
pub mod card;
pub mod case;
pub mod checkpoint;
pub mod declaration;
pub mod device_check;
pub mod dispatch;
pub mod health;
pub mod health_code;
pub mod me;
pub mod notice;
pub mod operation;
pub mod platform;
pub mod retention;
pub mod scan;
pub mod staff;
pub mod trace;
pub mod trip;
pub mod venue;
pub mod venue_code;
pub mod venue_decision;
pub mod venue_import;
pub mod venue_poster;
mod venue_view;
pub mod venue_zone;
pub mod visit_import;
pub mod work_list;

use utoipa_actix_web::service_config::ServiceConfig;

/// All routes under `/api/v1`.
pub fn v1(config: &mut ServiceConfig<'_>) {
    api_key::configure(config);
    audit::configure(config);
    auth::configure(config);
    platform::configure(config);
    me::configure(config);
    operation::configure(config);
    retention::configure(config);
    scan::configure(config);
    staff::configure(config);
    case::configure(config);
    trace::configure(config);
    alert::configure(config);
    alert_events::configure(config);
    alert_report::configure(config);
    notice::configure(config);
    declaration::configure(config);
    health_code::configure(config);
    trip::configure(config);
    card::configure(config);
    checkpoint::configure(config);
    device_check::configure(config);
    dispatch::configure(config);
    work_list::configure(config);
    venue_import::configure(config);
    venue_poster::configure(config);
    venue_code::configure(config);
    venue::configure(config);
    visit_import::configure(config);
    venue_zone::configure(config);
    venue_decision::configure(config);
}
