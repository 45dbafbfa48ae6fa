//! The codes of a venue: listed for its manager, replaced when they leaked, shown on screens.

use std::collections::HashMap;

use mashang_domain::time::{MINUTE, Timestamp};
use mashang_domain::venue::Direction;
use mashang_entity::zone;
use mashang_infra::store::venue_code::{self as codes, Door, NamedCode};
use mashang_infra::store::{audit, venue as venues, zone as zones};
use serde_json::json;
use uuid::Uuid;

use super::access::{cared_for, require_editor};
use super::edit::wrong_state;
use super::{act, forget_codes};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Anyone;
use crate::render::qr_svg;
use crate::state::App;

/// Replaced codes that a list goes back to.
const REVOKED_SHOWN: u64 = 100;

/// A code, ready to be printed.
pub struct CodeView {
    pub direction: Direction,
    pub zone: Option<(Uuid, String)>,
    /// What a scan sends.
    pub code: String,
    /// What the QR says.
    pub url: String,
    pub version: i32,
    pub revoked: bool,
}

impl CodeView {
    pub(super) fn of(app: &App, c: NamedCode) -> Self {
        let code = app.keys.venue_token(c.number);
        Self {
            direction: c.direction,
            url: url(app, &code, c.direction),
            code,
            zone: c.zone_id.map(|id| (id, c.zone_name.unwrap_or_default())),
            version: c.version,
            revoked: c.revoked_at.is_some(),
        }
    }
}

/// The link in a QR.
pub(super) fn url(app: &App, token: &str, direction: Direction) -> String {
    format!("{}/v/{token}/{direction}", app.settings.http.public_url.trim_end_matches('/'))
}

/// Those that hold, then the newest of those that were replaced.
pub async fn list_codes(app: &App, who: &Anyone, id: Uuid) -> Answer<Vec<CodeView>> {
    let venue = cared_for(app, who, id).await?;
    let mut found = codes::live(app.db.conn(), &[venue.id]).await?;
    found.extend(codes::revoked(app.db.conn(), venue.id, REVOKED_SHOWN).await?);
    Ok(found.into_iter().map(|c| CodeView::of(app, c)).collect())
}

/// Which codes a rotation replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodesOf {
    /// The venue's own and those of all its zones.
    Everything,
    Zone(Uuid),
}

/// Replaces codes and gives the new ones. The old are refused from now on, everywhere.
pub async fn rotate_codes(app: &App, who: &Anyone, id: Uuid, which: CodesOf) -> Answer<Vec<CodeView>> {
    let (now, actor) = (app.clock.now(), who.actor());
    let tx = app.db.begin_write().await?;
    let venue = venues::hold(&*tx, id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let editor = require_editor(who, &venue)?;
    if !venue.state.may_maintain(editor) {
        return Err(wrong_state(venue.state, "场所已关闭，不能更换", "the venue is closed"));
    }
    let zones = zones::of_venue(&*tx, id).await?;
    let doors = doors(id, &zones, which)?;
    let (revoked, issued) = codes::rotate(&*tx, &doors, now).await?;
    venues::touch(&*tx, id, now).await?;
    let detail = json!({ "revoked": revoked.len(), "issued": issued.len(), "zone": zone_of(which) });
    audit::append(&*tx, act(&actor, "venue.rotate_codes", id, detail), now).await?;
    tx.commit().await?;
    forget_codes(app, &revoked).await;
    let names: HashMap<Uuid, String> = zones.into_iter().map(|z| (z.id, z.name)).collect();
    let named = issued.into_iter().map(|c| NamedCode {
        number: c.number,
        venue_id: c.venue_id,
        zone_id: c.zone_id,
        zone_name: c.zone_id.and_then(|z| names.get(&z).cloned()),
        direction: c.direction,
        version: c.version,
        revoked_at: c.revoked_at,
    });
    Ok(named.map(|c| CodeView::of(app, c)).collect())
}

fn zone_of(which: CodesOf) -> Option<Uuid> {
    match which {
        CodesOf::Everything => None,
        CodesOf::Zone(id) => Some(id),
    }
}

fn doors(venue_id: Uuid, zones: &[zone::Model], which: CodesOf) -> Answer<Vec<Door>> {
    let of_zone = |z: &zone::Model| Door { venue_id, zone_id: Some(z.id) };
    match which {
        CodesOf::Everything => {
            let own = Door { venue_id, zone_id: None };
            Ok(std::iter::once(own).chain(zones.iter().map(of_zone)).collect())
        }
        CodesOf::Zone(id) => {
            let found = zones.iter().find(|z| z.id == id).ok_or_else(|| Problem::new(Code::NotFound))?;
            Ok(vec![of_zone(found)])
        }
    }
}

/// The code that holds for one door and direction.
pub(super) async fn code_for(
    app: &App,
    venue: Uuid,
    zone: Option<Uuid>,
    direction: Direction,
) -> Answer<NamedCode> {
    let live = codes::live(app.db.conn(), &[venue]).await?;
    let found = live.into_iter().find(|c| c.zone_id == zone && c.direction == direction);
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

/// What a screen shows for a minute.
pub struct ScreenCode {
    pub code: String,
    pub url: String,
    pub qr_svg: String,
    pub valid_until: Timestamp,
}

/// The code of this minute, for places that can show one.
pub async fn screen_code(
    app: &App,
    who: &Anyone,
    id: Uuid,
    zone: Option<Uuid>,
    direction: Direction,
) -> Answer<ScreenCode> {
    let venue = cared_for(app, who, id).await?;
    if !venue.state.takes_scans() {
        return Err(Problem::new(Code::VenueClosed).with("state", venue.state.as_str()));
    }
    let found = code_for(app, id, zone, direction).await?;
    let now = app.clock.now();
    let code = app.keys.screen_token(found.number, now);
    let url = url(app, &code, direction);
    let qr_svg = qr_svg(&url).map_err(Problem::internal)?;
    Ok(ScreenCode { code, url, qr_svg, valid_until: screen_code_until(now) })
}

/// The end of the minute of `now`.
pub fn screen_code_until(now: Timestamp) -> Timestamp {
    Timestamp((now.millis().div_euclid(MINUTE) + 1) * MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_code_is_shown_until_its_minute_ends() {
        for (now, until) in [(0, 60_000), (59_999, 60_000), (60_000, 120_000), (-1, 0)] {
            assert_eq!(screen_code_until(Timestamp(now)), Timestamp(until), "{now}");
        }
    }
}
