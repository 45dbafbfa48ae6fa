//! Venues: registered by citizens or imported by officials, decided on by officials, found by the codes on their doors.
//!
//! Who may: the manager (the citizen who registered it) and officials of its division; all other staff of the division
//! may look. For everybody else a venue that exists and one that does not are the same 404.

mod access;
mod archive;
mod codes;
mod decide;
mod edit;
mod import;
mod import_body;
mod import_row;
mod inside;
mod poster;
mod register;
mod resolve;
mod zones;

pub use access::{division_of, show};
pub use archive::{ArchiveWish, stream_archive};
pub use codes::{CodeView, CodesOf, ScreenCode, list_codes, rotate_codes, screen_code, screen_code_until};
pub use decide::decide;
pub use edit::edit;
pub use import::{ImportReport, Rejected, import};
pub use inside::{Inside, inside};
pub(crate) use poster::not_drawn;
pub use poster::{Made, PosterWish, make_poster};
pub use register::{Registration, list, register};
pub use resolve::{CodeEntry, PlaceRef, code_id, resolve_code};
pub use zones::add_zone;

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_entity::{venue, zone};
use mashang_infra::store::audit::Act;
use serde_json::Value;
use uuid::Uuid;

use crate::state::{App, CODES};

/// A venue as those see it who may.
#[derive(Debug, Clone)]
pub struct VenueView {
    pub venue: venue::Model,
    pub contact_masked: Option<String>,
    pub zones: Vec<zone::Model>,
}

/// Whether a venue is indoors: as it says, otherwise as its category is.
pub fn is_indoor(app: &App, venue: &venue::Model) -> bool {
    let of_category = || app.settings.categories.get(venue.category.as_str()).is_some_and(|c| c.indoor);
    venue.indoor.unwrap_or_else(of_category)
}

/// An act on a venue, as the audit log records it.
fn act<'a>(actor: &'a Actor, action: &'static str, id: Uuid, detail: Value) -> Act<'a> {
    Act {
        actor,
        action,
        purpose: Purpose::VenueCare,
        subject: None,
        object_kind: "venue",
        object_id: id.to_string(),
        detail,
    }
}

/// Drops what caches hold about these codes, in every process; call it after the commit.
async fn forget_codes(app: &App, numbers: &[i64]) {
    for number in numbers {
        app.caches.invalidate(CODES, code_id(*number)).await;
    }
}
