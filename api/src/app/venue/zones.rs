//! Zones: a large venue is split, each part with codes of its own.

use mashang_domain::venue::ZoneName;
use mashang_entity::zone;
use mashang_infra::store::venue_code::{self as codes, Door};
use mashang_infra::store::{audit, venue as venues, zone as zones};
use serde_json::json;
use uuid::Uuid;

use super::access::require_editor;
use super::act;
use super::edit::wrong_state;
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Anyone;
use crate::state::App;

/// More parts than the largest airports name.
const MOST_ZONES: u64 = 500;

/// Adds a zone with its two codes.
pub async fn add_zone(app: &App, who: &Anyone, venue_id: Uuid, name: &ZoneName) -> Answer<zone::Model> {
    let (now, actor) = (app.clock.now(), who.actor());
    let tx = app.db.begin_write().await?;
    let venue = venues::hold(&*tx, venue_id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let editor = require_editor(who, &venue)?;
    if !venue.state.may_maintain(editor) {
        return Err(wrong_state(venue.state, "场所已关闭，不能修改", "the venue is closed"));
    }
    if zones::count(&*tx, venue_id).await? >= MOST_ZONES {
        return Err(Problem::with_detail(Code::Conflict, format!("≤ {MOST_ZONES} zones")));
    }
    let taken = || Problem::new(Code::ZoneTaken);
    let zone = zones::insert(&*tx, venue_id, name, now).await?.ok_or_else(taken)?;
    codes::issue(&*tx, &[(Door { venue_id, zone_id: Some(zone.id) }, 1)], now).await?;
    venues::touch(&*tx, venue_id, now).await?;
    audit::append(&*tx, act(&actor, "venue.add_zone", venue_id, json!({ "zone": zone.id })), now).await?;
    tx.commit().await?;
    Ok(zone)
}
