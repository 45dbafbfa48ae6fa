//! The visits of a case: the person's own, with what officials know better laid over.

use std::collections::HashMap;

use mashang_domain::time::Timestamp;
use mashang_domain::trace::{CaseStay, Edit, EditAction, Parameters, Place, Span, edited};
use mashang_entity::infection_case;
use mashang_infra::store::case::{self as cases, Editor};
use mashang_infra::store::place::{self, Venue};
use mashang_infra::store::{audit, visits as scanned};
use serde_json::json;
use uuid::Uuid;

use super::{Office, act, find, record, window_of};
use crate::app::trace::rules::{category_rules, plain};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// A visit of a case and the name of its venue.
pub struct Seen {
    pub stay: CaseStay,
    pub venue_name: Option<String>,
}

/// A visit as an official enters it.
pub struct Entry {
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub start: Timestamp,
    pub end: Timestamp,
}

/// What an official changes of a visit; what is absent stays. A new venue without a zone has none.
#[derive(Default)]
pub struct Change {
    pub venue_id: Option<Uuid>,
    pub zone_id: Option<Uuid>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

/// The visits of a case in the order of time.
pub async fn list(app: &App, office: &Office, id: Uuid) -> Answer<Vec<Seen>> {
    let case = find(app, office, id).await?;
    let stays = stays(app, &case, &plain(&app.settings)).await?;
    record(app, act(office, "case.visits", &case, json!({ "visits": stays.len() }))).await?;
    let venues = place::venues(app.db.conn(), stays.iter().map(|s| s.place.venue_id)).await?;
    Ok(stays.into_iter().map(|stay| seen(stay, &venues)).collect())
}

fn seen(stay: CaseStay, venues: &HashMap<Uuid, Venue>) -> Seen {
    Seen { stay, venue_name: venues.get(&stay.place.venue_id).map(|v| v.name.clone()) }
}

/// The visits of a case as a trace with these parameters uses them.
pub(crate) async fn stays(
    app: &App,
    case: &infection_case::Model,
    params: &Parameters,
) -> Answer<Vec<CaseStay>> {
    let dwell = |category| params.apply(category_rules(&app.settings, category)).dwell_ms;
    let conn = app.db.conn();
    let own = scanned::own_visits(conn, case.person_id, window_of(case), dwell).await?;
    let own: Vec<_> = own.into_iter().map(|v| v.visit).collect();
    let edits: Vec<Edit> = cases::edits(conn, &[case.id]).await?.into_iter().map(|(_, edit)| edit).collect();
    Ok(edited(&own, &edits, window_of(case)))
}

/// Adds a visit that no scan tells of.
pub async fn add(app: &App, office: &Office, id: Uuid, entry: Entry) -> Answer<Seen> {
    let case = find(app, office, id).await?;
    let place = checked(app, &case, entry).await?;
    let edit = Edit { visit_id: Uuid::now_v7(), action: EditAction::Add, place: Some(place) };
    write(app, office, &case, &edit, "case.visit_add").await?;
    show(app, &case, edit.visit_id).await
}

/// Corrects a visit, scanned or added.
pub async fn replace(app: &App, office: &Office, id: Uuid, visit_id: Uuid, change: Change) -> Answer<Seen> {
    let case = find(app, office, id).await?;
    let present = present(app, &case, visit_id).await?.place;
    let zone_id = match change.venue_id {
        Some(venue) if venue != present.venue_id => change.zone_id,
        Some(_) | None => change.zone_id.or(present.zone_id),
    };
    let entry = Entry {
        venue_id: change.venue_id.unwrap_or(present.venue_id),
        zone_id,
        start: change.start.unwrap_or(present.span.start),
        end: change.end.unwrap_or(present.span.end),
    };
    let place = checked(app, &case, entry).await?;
    let edits = cases::edits(app.db.conn(), &[case.id]).await?;
    let added = edits.iter().any(|(_, e)| e.visit_id == visit_id && e.action == EditAction::Add);
    let action = if added { EditAction::Add } else { EditAction::Replace };
    let edit = Edit { visit_id, action, place: Some(place) };
    write(app, office, &case, &edit, "case.visit_replace").await?;
    show(app, &case, visit_id).await
}

/// Removes a visit, scanned or added.
pub async fn remove(app: &App, office: &Office, id: Uuid, visit_id: Uuid) -> Answer<()> {
    let case = find(app, office, id).await?;
    present(app, &case, visit_id).await?;
    let edit = Edit { visit_id, action: EditAction::Remove, place: None };
    write(app, office, &case, &edit, "case.visit_remove").await
}

/// The visit as it is now.
async fn present(app: &App, case: &infection_case::Model, visit_id: Uuid) -> Answer<CaseStay> {
    let stays = stays(app, case, &plain(&app.settings)).await?;
    stays.into_iter().find(|s| s.visit_id == visit_id).ok_or_else(|| Problem::new(Code::NotFound))
}

async fn show(app: &App, case: &infection_case::Model, visit_id: Uuid) -> Answer<Seen> {
    let stay = present(app, case, visit_id).await?;
    let venues = place::venues(app.db.conn(), [stay.place.venue_id]).await?;
    Ok(seen(stay, &venues))
}

async fn write(
    app: &App,
    office: &Office,
    case: &infection_case::Model,
    edit: &Edit,
    action: &'static str,
) -> Answer<()> {
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    let taken_back =
        edit.action == EditAction::Remove && cases::drop_added(&*tx, case.id, edit.visit_id).await?;
    if !taken_back {
        cases::put_edit(&*tx, case.id, edit, Editor { staff: office.id, now }).await?;
    }
    let venue = edit.place.map(|p| p.venue_id);
    let detail = json!({ "visit": edit.visit_id, "venue": venue, "span": edit.place.map(|p| p.span) });
    audit::append(&*tx, act(office, action, case, detail), now).await?;
    Ok(tx.commit().await?)
}

/// A visit that can be: a known venue, its own zone, a stretch of time that has a part in the window.
async fn checked(app: &App, case: &infection_case::Model, entry: Entry) -> Answer<Place> {
    let conn = app.db.conn();
    let Entry { venue_id, zone_id, start, end } = entry;
    if place::venues(conn, [venue_id]).await?.is_empty() {
        return Err(Problem::field("venue_id", "unknown", "there is no such venue"));
    }
    if let Some(zone) = zone_id
        && !place::zone_of(conn, zone, venue_id).await?
    {
        return Err(Problem::field("zone_id", "unknown", "the venue has no such zone"));
    }
    let span = Span { start, end };
    if span.is_empty() {
        return Err(Problem::field("out", "out_of_range", "`out` is after `in`"));
    }
    if span.cut(&window_of(case)).is_empty() {
        return Err(Problem::field("in", "outside_window", "the visit lies outside the infectious window"));
    }
    Ok(Place { venue_id, zone_id, span })
}
