//! Who may see and change a venue.

use mashang_domain::person::{Division, Right};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::venue::Editor;
use mashang_entity::venue;
use mashang_infra::store::{venue as venues, zone as zones};
use uuid::Uuid;

use super::VenueView;
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Anyone;
use crate::state::App;

/// 404 unless they may look at it.
pub(super) fn require_reader(who: &Anyone, venue: &venue::Model) -> Answer<()> {
    let sees = match who {
        Anyone::Citizen(id) => venue.manager_id == Some(*id),
        Anyone::Staff { division, .. } => division.covers(&venue.division_code),
    };
    if sees { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}

/// In whose place they change it: 404 for who may not look, 403 for who may look only.
pub(super) fn require_editor(who: &Anyone, venue: &venue::Model) -> Answer<Editor> {
    require_reader(who, venue)?;
    match who {
        Anyone::Citizen(_) => Ok(Editor::Manager),
        Anyone::Staff { role, .. } if role.has(Right::CareForVenues) => Ok(Editor::Official),
        Anyone::Staff { .. } => Err(Problem::new(Code::Forbidden)),
    }
}

/// The venue, when they may look at it.
pub(super) async fn readable(app: &App, who: &Anyone, id: Uuid) -> Answer<venue::Model> {
    let found = venues::by_id(app.db.conn(), id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    require_reader(who, &found)?;
    Ok(found)
}

/// The venue, when they look after it: codes and posters are for these.
pub(super) async fn cared_for(app: &App, who: &Anyone, id: Uuid) -> Answer<venue::Model> {
    let found = venues::by_id(app.db.conn(), id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    require_editor(who, &found)?;
    Ok(found)
}

/// A venue with its zones.
pub async fn show(app: &App, who: &Anyone, id: Uuid) -> Answer<VenueView> {
    let venue = readable(app, who, id).await?;
    view(app, venue).await
}

pub(super) async fn view(app: &App, venue: venue::Model) -> Answer<VenueView> {
    let contact = venues::contact_of(&app.keys, &venue, Purpose::VenueCare)?;
    let zones = zones::of_venue(app.db.conn(), venue.id).await?;
    Ok(VenueView { contact_masked: contact.map(|phone| phone.masked()), venue, zones })
}

/// The division that a list asks for.
pub fn division_of(code: Option<&str>) -> Answer<Division> {
    Division::parse_scope(code.unwrap_or(""))
        .map_err(|e| Problem::field("division", "invalid", e.to_string()))
}
