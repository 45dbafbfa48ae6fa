//! The deliveries of an alert: a page of them, and all of them as a table for a spreadsheet.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{Stream, stream};
use mashang_domain::protection::audit::Purpose;
use mashang_entity::delivery;
use mashang_infra::store::{audit, delivery as deliveries};
use serde_json::json;
use uuid::Uuid;

use super::{act, find};
use crate::app::case::Office;
use crate::app::trace::show::{looked_at, masked};
use crate::error::{Answer, Problem};
use crate::http::spreadsheet::line;
use crate::state::App;

/// Rows of the table that are read at once.
const CHUNK: u64 = 2_000;

/// Deliveries of a page with the masked numbers of their people.
pub struct Deliveries {
    pub rows: Vec<delivery::Model>,
    pub phones: HashMap<Uuid, String>,
}

/// A page, asked for with one row too many.
pub async fn page(
    app: &App,
    office: &Office,
    id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Answer<Deliveries> {
    let alert = find(app, office, id).await?;
    let rows = deliveries::of_alert(app.db.conn(), alert.id, after, limit).await?;
    let shown = usize::try_from(limit.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut people: Vec<Uuid> = rows.iter().take(shown).filter_map(|d| d.person_id).collect();
    people.sort_unstable();
    people.dedup();
    let phones = masked(app, &people, Purpose::Alert).await?;
    let whole = act(office, "alert.deliveries", id, json!({ "people": people.len() }));
    looked_at(app, whole, "alert.delivery", &people).await?;
    Ok(Deliveries { rows, phones })
}

/// All deliveries as CSV, read from the database as the client takes them. It names people by their random id only.
pub async fn table(
    app: &Arc<App>,
    office: &Office,
    id: Uuid,
) -> Answer<impl Stream<Item = Result<String, Problem>> + use<>> {
    let alert = find(app, office, id).await?;
    let tx = app.db.begin_write().await?;
    audit::append(&*tx, act(office, "alert.report", alert.id, json!({})), app.clock.now()).await?;
    tx.commit().await?;
    let start =
        Place { app: Arc::clone(app), alert: alert.id, drill: alert.drill, after: None, begun: false };
    Ok(stream::unfold(Some(start), next))
}

/// How far the table has been written.
struct Place {
    app: Arc<App>,
    alert: Uuid,
    drill: bool,
    after: Option<Uuid>,
    begun: bool,
}

const HEAD: [&str; 12] = [
    "delivery_id",
    "person_id",
    "level",
    "channel",
    "state",
    "gateway",
    "code",
    "tries",
    "due_at",
    "accepted_at",
    "settled_at",
    "drill",
];

async fn next(place: Option<Place>) -> Option<(Result<String, Problem>, Option<Place>)> {
    let mut place = place?;
    let found = deliveries::of_alert(place.app.db.conn(), place.alert, place.after, CHUNK).await;
    let rows = match found {
        Ok(rows) => rows,
        Err(error) => return Some((Err(error.into()), None)),
    };
    if rows.is_empty() && place.begun {
        return None;
    }
    // Excel reads UTF-8 only with its mark.
    let mut text = if place.begun { String::new() } else { format!("\u{feff}{}", line(HEAD)) };
    rows.iter().for_each(|row| text.push_str(&row_line(row, place.drill)));
    place.begun = true;
    place.after = rows.last().map(|d| d.id);
    let last = rows.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
    Some((Ok(text), (!last).then_some(place)))
}

fn row_line(d: &delivery::Model, drill: bool) -> String {
    let time = |at: Option<mashang_domain::time::Timestamp>| at.map(|t| t.to_string()).unwrap_or_default();
    let cells: [String; 12] = [
        d.id.to_string(),
        d.person_id.map(|p| p.to_string()).unwrap_or_default(),
        d.level.to_string(),
        d.channel.to_string(),
        d.state.to_string(),
        d.gateway.clone().unwrap_or_default(),
        d.code.clone().unwrap_or_default(),
        d.tries.to_string(),
        d.due_at.to_string(),
        time(d.accepted_at),
        time(d.settled_at),
        drill.to_string(),
    ];
    line(cells.iter().map(String::as_str))
}
