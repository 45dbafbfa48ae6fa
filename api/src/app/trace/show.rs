//! Pages of a frozen trace. Everybody who is shown can see later that they were looked at.

use std::collections::HashMap;

use mashang_domain::protection::audit::Purpose;
use mashang_domain::trace::Contact;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::place::{self, Venue};
use mashang_infra::store::trace_result::{self as traces, Wanted};
use mashang_infra::store::{delivery, person as people};
use serde_json::json;
use uuid::Uuid;

use super::{act, find_frozen};
use crate::app::case::Office;
use crate::error::{Answer, Problem};
use crate::state::App;

/// Contacts of a page, and what stands beside them.
pub struct Contacts {
    pub contacts: Vec<Contact>,
    /// Masked numbers; who is gone is missing.
    pub phones: HashMap<Uuid, String>,
    pub venues: HashMap<Uuid, Venue>,
    /// How many there are in all, where that is asked for.
    pub total: Option<u64>,
}

/// A page of contacts. `since`: only who is no contact of that trace.
pub async fn contacts(app: &App, office: &Office, id: Uuid, wanted: Wanted) -> Answer<Contacts> {
    let trace = find_frozen(app, office, id).await?;
    let total = match wanted.not_in {
        Some(since) => {
            let since = find_frozen(app, office, since).await?;
            Some(traces::count_additions(app.db.conn(), trace.id, since.id).await?)
        }
        None => None,
    };
    let rows = traces::contacts(app.db.conn(), trace.id, &wanted).await?;
    let contacts: Vec<Contact> = rows.into_iter().map(traces::contact).collect::<Result<_, _>>()?;
    // The page is asked for with one contact too many: that one is not shown.
    let page = usize::try_from(wanted.limit.saturating_sub(1)).unwrap_or(usize::MAX);
    let shown: Vec<Uuid> = contacts.iter().take(page).map(|c| c.person_id).collect();
    let phones = masked(app, &shown, Purpose::Trace).await?;
    let met = contacts.iter().flat_map(|c| &c.meetings).map(|m| m.venue_id);
    let venues = place::venues(app.db.conn(), met).await?;
    let whole = act(office, "trace.contacts", id, json!({ "people": shown.len(), "level": wanted.level }));
    looked_at(app, whole, "trace.contact", &shown).await?;
    Ok(Contacts { contacts, phones, venues, total })
}

/// The masked numbers of these people.
pub(crate) async fn masked(app: &App, ids: &[Uuid], purpose: Purpose) -> Answer<HashMap<Uuid, String>> {
    let rows = delivery::people(app.db.conn(), ids).await?;
    let mask = |row: &mashang_entity::person::Model| {
        people::phone_of(&app.keys, row, purpose).map(|phone| (row.id, phone.masked()))
    };
    Ok(rows.iter().map(mask).collect::<Result<_, _>>()?)
}

/// One entry for the look, and one for each person who was shown.
pub(crate) async fn looked_at(app: &App, whole: Act<'_>, each: &'static str, people: &[Uuid]) -> Answer<()> {
    let of_person =
        |person: &Uuid| Act { action: each, subject: Some(*person), detail: json!({}), ..whole.clone() };
    let mut acts: Vec<Act<'_>> = people.iter().map(of_person).collect();
    acts.push(whole);
    let tx = app.db.begin_write().await?;
    audit::append_all(&*tx, &acts, app.clock.now()).await?;
    tx.commit().await.map_err(Problem::from)
}
