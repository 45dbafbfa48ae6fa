//! Changes of what a venue says about itself.

use mashang_domain::venue::{Editor, VenueState};
use mashang_entity::venue;
use mashang_infra::store::venue::{self as venues, VenueChange};
use mashang_infra::store::{audit, venue_code as codes};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{require_editor, view};
use super::{VenueView, act, forget_codes};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Anyone;
use crate::http::context::language;
use crate::state::App;

/// Changes a venue. Fields that already are as wanted change nothing.
pub async fn edit(app: &App, who: &Anyone, id: Uuid, change: VenueChange) -> Answer<VenueView> {
    let (now, actor) = (app.clock.now(), who.actor());
    let tx = app.db.begin_write().await?;
    let present = venues::hold(&*tx, id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let editor = require_editor(who, &present)?;
    let change = what_differs(&present, change);
    let fields = fields_of(&change);
    if fields.is_empty() {
        drop(tx);
        return view(app, present).await;
    }
    check(&present, editor, &change)?;
    if let (Anyone::Staff { division, .. }, Some(code)) = (who, &change.division_code)
        && !division.covers(code.as_str())
    {
        return Err(Problem::field("division_code", "out_of_scope", "outside of your own division"));
    }
    let changed = venues::update(&*tx, &app.keys, present, change, now).await?;
    let numbers = codes::live_numbers(&*tx, id).await?;
    let detail = json!({ "fields": fields });
    audit::append(&*tx, act(&actor, "venue.change", id, detail), now).await?;
    tx.commit().await?;
    forget_codes(app, &numbers).await;
    view(app, changed).await
}

/// 409 for what this editor may not change in this state.
fn check(present: &venue::Model, editor: Editor, change: &VenueChange) -> Answer<()> {
    let identity = change.name.is_some()
        || change.category.is_some()
        || change.division_code.is_some()
        || change.indoor.is_some();
    if !present.state.may_maintain(editor) {
        return Err(wrong_state(present.state, "场所已关闭，不能修改", "the venue is closed"));
    }
    if identity && !present.state.may_rename(editor) {
        return Err(wrong_state(
            present.state,
            "审核通过后，名称、类别、区划和室内外由防疫工作人员修改；您可修改地址、联系电话和坐标",
            "once approved, an official changes name, category, division and indoor; you may change address, contact and coordinates",
        ));
    }
    Ok(())
}

/// 409 with the state the venue is in.
pub(super) fn wrong_state(state: VenueState, zh: &str, en: &str) -> Problem {
    Problem::with_detail(Code::WrongState, language().pick(zh, en)).with("state", state.as_str())
}

/// The change without what is so already. A contact is sealed, so that one counts as new.
fn what_differs(present: &venue::Model, change: VenueChange) -> VenueChange {
    let position = present.lat.zip(present.lon);
    VenueChange {
        name: change.name.filter(|n| n.as_str() != present.name),
        category: change.category.filter(|c| *c != present.category),
        division_code: change.division_code.filter(|c| c.as_str() != present.division_code),
        address: change.address.filter(|a| a.as_str() != present.address),
        contact: change.contact,
        position: change.position.filter(|p| *p != position),
        indoor: change.indoor.filter(|i| *i != present.indoor),
    }
}

/// The names of the fields that change, for the log.
fn fields_of(change: &VenueChange) -> Vec<Value> {
    let named = [
        ("name", change.name.is_some()),
        ("category", change.category.is_some()),
        ("division_code", change.division_code.is_some()),
        ("address", change.address.is_some()),
        ("contact_phone", change.contact.is_some()),
        ("position", change.position.is_some()),
        ("indoor", change.indoor.is_some()),
    ];
    named.into_iter().filter(|(_, changes)| *changes).map(|(name, _)| name.into()).collect()
}
