//! The work list of officials: who has to be called or visited, and what came of it.
//!
//! The number in clear is shown to who takes an item, and to nobody else; taking is recorded, and the person can see it.

use std::collections::HashMap;

use mashang_domain::alert::work::WorkResult;
use mashang_domain::protection::audit::Purpose;
use mashang_entity::work_item;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::work_list::{self, Part};
use mashang_infra::store::{alert as alerts, delivery, person as people};
use serde_json::{Value, json};
use uuid::Uuid;

use super::case::Office;
use super::trace::show::{looked_at, masked};
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Items with the masked numbers of their people, and which alerts are drills.
pub struct Items {
    pub rows: Vec<work_item::Model>,
    pub phones: HashMap<Uuid, String>,
    pub drills: Vec<Uuid>,
}

/// An item with its number in clear, where there is one.
pub struct Taken {
    pub items: Items,
    pub phone: Option<String>,
}

fn act<'a>(office: &'a Office, action: &'static str, item: &work_item::Model, detail: Value) -> Act<'a> {
    Act {
        actor: &office.actor,
        action,
        purpose: Purpose::Alert,
        subject: Some(item.person_id),
        object_kind: "work_item",
        object_id: item.id.to_string(),
        detail,
    }
}

async fn with_people(app: &App, rows: Vec<work_item::Model>) -> Answer<Items> {
    let mut ids: Vec<Uuid> = rows.iter().map(|w| w.person_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let phones = masked(app, &ids, Purpose::Alert).await?;
    let mut of: Vec<Uuid> = rows.iter().map(|w| w.alert_id).collect();
    of.sort_unstable();
    of.dedup();
    let mut drills = Vec::new();
    for id in of {
        if alerts::by_id(app.db.conn(), id).await?.is_some_and(|a| a.drill) {
            drills.push(id);
        }
    }
    Ok(Items { rows, phones, drills })
}

/// A page, asked for with one row too many.
pub async fn page(app: &App, office: &Office, part: &Part) -> Answer<Items> {
    let items = with_people(app, work_list::page(app.db.conn(), &office.division, part).await?).await?;
    let shown = usize::try_from(part.limit.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut seen: Vec<Uuid> = items.rows.iter().take(shown).map(|w| w.person_id).collect();
    seen.sort_unstable();
    seen.dedup();
    let whole = Act {
        actor: &office.actor,
        action: "work_list.read",
        purpose: Purpose::Alert,
        subject: None,
        object_kind: "work_list",
        object_id: part.alert.map_or_else(|| "all".to_owned(), |id| id.to_string()),
        detail: json!({ "people": seen.len() }),
    };
    looked_at(app, whole, "work_list.item", &seen).await?;
    Ok(items)
}

async fn find(app: &App, office: &Office, id: Uuid) -> Answer<work_item::Model> {
    let found = work_list::by_id(app.db.conn(), id, &office.division).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Takes an item, and shows its number to who took it. The same again is harmless.
pub async fn take(app: &App, office: &Office, id: Uuid) -> Answer<Taken> {
    find(app, office, id).await?;
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    if !work_list::take(&*tx, id, office.id, now).await? {
        return Err(Problem::new(Code::WrongState));
    }
    let item = work_list::by_id(&*tx, id, &office.division).await?;
    let item = item.ok_or_else(|| Problem::new(Code::NotFound))?;
    let rows = delivery::people(&*tx, &[item.person_id]).await?;
    let phone = rows.first().map(|row| people::phone_of(&app.keys, row, Purpose::Alert)).transpose()?;
    audit::append(&*tx, act(office, "work_list.take", &item, json!({ "alert": item.alert_id })), now).await?;
    tx.commit().await?;
    let phone = phone.map(|phone| phone.reveal().to_owned());
    Ok(Taken { items: with_people(app, vec![item]).await?, phone })
}

/// Says what came of an item that one has taken.
pub async fn report(app: &App, office: &Office, id: Uuid, result: WorkResult) -> Answer<Items> {
    find(app, office, id).await?;
    let now = app.clock.now();
    let tx = app.db.begin_write().await?;
    if !work_list::report(&*tx, id, office.id, result, now).await? {
        return Err(Problem::new(Code::WrongState));
    }
    let item = work_list::by_id(&*tx, id, &office.division).await?;
    let item = item.ok_or_else(|| Problem::new(Code::NotFound))?;
    let detail = json!({ "alert": item.alert_id, "result": result });
    audit::append(&*tx, act(office, "work_list.report", &item, detail), now).await?;
    tx.commit().await?;
    with_people(app, vec![item]).await
}
