//! Colours that officials change by hand, and releases. The rules of who may what are in `infra::health::by_hand`.

use mashang_domain::health::request::RequestStep;
use mashang_domain::health::{Colour, HealthState, ManualLimits, RequestState, RuleSet};
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::colour_change;
use mashang_infra::health::by_hand::{self, Paper, Wish, paper_of};
use mashang_infra::health::decision::{Bench, Official};
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::colour_change::{self as store, Waiting};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{changed, require};
use crate::app::trace::show::looked_at;
use crate::error::{Answer, Problem};
use crate::state::App;

/// Longest note, in characters.
const NOTE_MAX: usize = 1_000;

/// A change with what it rests on.
pub struct Change {
    pub row: colour_change::Model,
    /// At the time of the answer.
    pub state: RequestState,
    pub paper: Paper,
}

/// A release, and the code as it is then.
pub struct Released {
    pub decision: Uuid,
    pub state: HealthState,
}

/// By what officials decide now.
pub(super) fn bench<'a>(app: &'a App, rules: &'a RuleSet) -> Bench<'a> {
    let settings = &app.settings.health;
    let limits =
        ManualLimits { alone_per_hour: settings.alone_per_hour, second_for_red: settings.second_for_red };
    Bench { rules, limits, keys: &app.keys, now: app.clock.now() }
}

fn act<'a>(
    actor: &'a Actor,
    action: &'static str,
    subject: Uuid,
    object: (&'static str, Uuid),
    detail: Value,
) -> Act<'a> {
    let (object_kind, id) = object;
    let (subject, object_id) = (Some(subject), id.to_string());
    Act { actor, action, purpose: Purpose::HealthCode, subject, object_kind, object_id, detail }
}

fn of_change<'a>(actor: &'a Actor, action: &'static str, row: &colour_change::Model) -> Act<'a> {
    let detail = json!({ "from": row.from_colour, "to": row.to_colour, "ground": row.ground });
    act(actor, action, row.person_id, ("colour_change", row.id), detail)
}

/// Document and note within their bounds.
fn checked(paper: Paper) -> Answer<Paper> {
    let note = paper.note.filter(|note| !note.trim().is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
        return Err(Problem::field("note", "too_long", format!("≤ {NOTE_MAX}")));
    }
    Ok(Paper { document: paper.document.trim().to_owned(), note })
}

/// Changes a colour, or asks a second official for it.
pub async fn ask(app: &App, official: &Official, wish: Wish) -> Answer<Change> {
    require(app)?;
    let wish = Wish { paper: checked(wish.paper)?, ..wish };
    let (rules, actor, paper) = (app.rules.current(), official.actor(), wish.paper.clone());
    let bench = bench(app, &rules);
    let tx = app.db.begin_write().await?;
    let row = by_hand::ask(&*tx, bench, official, wish).await?;
    let applied = row.state == RequestState::Applied;
    let action = if applied { "colour_change.apply" } else { "colour_change.request" };
    audit::append(&*tx, of_change(&actor, action, &row), bench.now).await?;
    tx.commit().await?;
    if applied {
        changed(app, [row.person_id]).await;
    } else if !(row.to_colour == Colour::Red && bench.limits.second_for_red) {
        metrics::counter!("mashang_colour_changes_beyond_limit_total").increment(1);
    }
    Ok(Change { state: row.state, row, paper })
}

/// Confirms or refuses what another official has asked for.
pub async fn decide(app: &App, official: &Official, id: Uuid, step: RequestStep) -> Answer<Change> {
    require(app)?;
    let (rules, actor) = (app.rules.current(), official.actor());
    let bench = bench(app, &rules);
    let tx = app.db.begin_write().await?;
    let (row, action) = match step {
        RequestStep::Confirm => (by_hand::confirm(&*tx, bench, official, id).await?, "colour_change.confirm"),
        RequestStep::Refuse => (by_hand::refuse(&*tx, bench, official, id).await?, "colour_change.refuse"),
    };
    audit::append(&*tx, of_change(&actor, action, &row), bench.now).await?;
    tx.commit().await?;
    changed(app, [row.person_id]).await;
    Ok(Change { state: row.state, paper: paper_of(&app.keys, &row, Purpose::HealthCode)?, row })
}

/// A page of a division's changes, asked for with one row too many.
pub async fn page(
    app: &App,
    official: &Official,
    state: Option<RequestState>,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<Change>> {
    require(app)?;
    let now = app.clock.now();
    let rows = store::page(app.db.conn(), &official.division, state, before, limit, now).await?;
    let change = |row: colour_change::Model| -> Answer<Change> {
        let paper = paper_of(&app.keys, &row, Purpose::HealthCode)?;
        Ok(Change { state: store::facts(&row).state_at(now), paper, row })
    };
    let changes: Vec<Change> = rows.into_iter().map(change).collect::<Answer<_>>()?;
    listed(app, official, "colour_change", changes.iter().map(|c| c.row.person_id), limit).await?;
    Ok(changes)
}

/// Releases somebody whose days are done.
pub async fn release(app: &App, official: &Official, person: Uuid) -> Answer<Released> {
    require(app)?;
    let (rules, actor) = (app.rules.current(), official.actor());
    let bench = bench(app, &rules);
    let tx = app.db.begin_write().await?;
    let (decision, outcome) = by_hand::release(&*tx, bench, official, person).await?;
    let detail = json!({ "to": outcome.state.colour });
    let entry = act(&actor, "health.release", person, ("release", decision), detail);
    audit::append(&*tx, entry, bench.now).await?;
    tx.commit().await?;
    changed(app, [person]).await;
    Ok(Released { decision, state: outcome.state })
}

/// Who awaits release, asked for with one row too many.
pub async fn releases(
    app: &App,
    official: &Official,
    after: Option<(i64, Uuid)>,
    limit: u64,
) -> Answer<Vec<Waiting>> {
    require(app)?;
    let after = after.map(|(at, person)| (Timestamp(at), person));
    let rows = store::awaiting_release(app.db.conn(), &official.division, after, limit).await?;
    listed(app, official, "release", rows.iter().map(|row| row.person_id), limit).await?;
    Ok(rows)
}

/// An entry for the look at a page, and one for everybody on it.
pub(super) async fn listed(
    app: &App,
    official: &Official,
    object_kind: &'static str,
    people: impl Iterator<Item = Uuid>,
    limit: u64,
) -> Answer<()> {
    let shown = usize::try_from(limit.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut people: Vec<Uuid> = people.take(shown).collect();
    people.sort_unstable();
    people.dedup();
    let (purpose, action, each) = match object_kind {
        "appeal" => (Purpose::Appeal, "appeal.list", "appeal.item"),
        "release" => (Purpose::HealthCode, "release.list", "release.item"),
        _ => (Purpose::HealthCode, "colour_change.list", "colour_change.item"),
    };
    let whole = Act {
        actor: &official.actor(),
        action,
        purpose,
        subject: None,
        object_kind,
        object_id: official.division.code(),
        detail: json!({ "people": people.len() }),
    };
    looked_at(app, whole, each, &people).await
}
