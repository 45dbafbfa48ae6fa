//! Appeals: citizens file and withdraw them, officials read and decide on them. The rules are in `infra::health::appeals`.

use mashang_domain::health::appeal::AppealState;
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::{appeal, health_fact, integrity_record};
use mashang_infra::health::appeals::{self, Complaint, Verdict, answer_of, complaint_of};
use mashang_infra::health::decision::Official;
use mashang_infra::store::appeal::{self as store, Part};
use mashang_infra::store::audit::{self, Act};
use serde_json::{Value, json};
use uuid::Uuid;

use super::by_hand::{bench, listed};
use super::history::{self, Entry};
use super::{changed, require};
use crate::app::case::record;
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::state::App;

/// Longest text of an appeal and of an answer, in characters; most references, and longest one.
const TEXT_MAX: usize = 2_000;
const ANSWER_MAX: usize = 1_000;
const DOCUMENTS_MAX: usize = 10;
const DOCUMENT_MAX: usize = 200;
/// Entries of the history and facts that are shown beside an appeal.
const BESIDE: u64 = 200;

/// An appeal, opened for who may read it.
pub struct Opened {
    pub row: appeal::Model,
    pub complaint: Complaint,
    /// Why it was decided as it was.
    pub answer: Option<String>,
}

/// An appeal with what is known about the colour.
pub struct File {
    pub opened: Opened,
    pub history: Vec<Entry>,
    pub facts: Vec<health_fact::Model>,
    pub integrity: Vec<integrity_record::Model>,
    /// Whether the official who asks may decide on it.
    pub may_decide: bool,
}

/// Where the clock of an appeal stands: `None` once it was decided.
pub struct Clock {
    pub overdue: bool,
    pub seconds_left: i64,
}

/// The clock at `now`.
pub fn clock(row: &appeal::Model, now: Timestamp) -> Option<Clock> {
    let left = row.due_at - now;
    let open = row.state == AppealState::Open;
    open.then(|| Clock { overdue: left < 0, seconds_left: left.div_euclid(1_000) })
}

fn act<'a>(actor: &'a Actor, action: &'static str, row: &appeal::Model, detail: Value) -> Act<'a> {
    let own = matches!(actor, Actor::Citizen(_));
    Act {
        actor,
        action,
        purpose: if own { Purpose::OwnRequest } else { Purpose::Appeal },
        subject: Some(row.person_id),
        object_kind: "appeal",
        object_id: row.id.to_string(),
        detail,
    }
}

pub(super) fn opened(app: &App, row: appeal::Model, purpose: Purpose) -> Answer<Opened> {
    let complaint = complaint_of(&app.keys, &row, purpose)?;
    let answer = answer_of(&app.keys, &row, purpose)?;
    Ok(Opened { row, complaint, answer })
}

fn text(field: &'static str, text: &str, most: usize) -> Answer<String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(Problem::field(field, "missing", "a text is wanted")),
        n if n > most => Err(Problem::field(field, "too_long", format!("≤ {most}"))),
        _ => Ok(text.to_owned()),
    }
}

fn checked(complaint: Complaint) -> Answer<Complaint> {
    if complaint.documents.len() > DOCUMENTS_MAX {
        return Err(Problem::field("documents", "too_many", format!("≤ {DOCUMENTS_MAX}")));
    }
    let documents = complaint.documents.iter().map(|d| text("documents", d, DOCUMENT_MAX));
    let documents = documents.collect::<Answer<_>>()?;
    Ok(Complaint { text: text("text", &complaint.text, TEXT_MAX)?, documents })
}

/// Files an appeal against the own colour.
pub async fn file(app: &App, citizen: &Citizen, complaint: Complaint) -> Answer<Opened> {
    require(app)?;
    let (complaint, rules, actor) = (checked(complaint)?, app.rules.current(), citizen.actor());
    let (bench, hours) = (bench(app, &rules), app.settings.health.appeal_hours);
    let tx = app.db.begin_write().await?;
    let row = appeals::file(&*tx, bench, citizen.person_id, &complaint, hours).await?;
    let detail = json!({ "colour": row.colour });
    audit::append(&*tx, act(&actor, "appeal.file", &row, detail), bench.now).await?;
    tx.commit().await?;
    Ok(Opened { row, complaint, answer: None })
}

/// Takes an own appeal back.
pub async fn withdraw(app: &App, citizen: &Citizen, id: Uuid) -> Answer<()> {
    require(app)?;
    let (rules, actor) = (app.rules.current(), citizen.actor());
    let bench = bench(app, &rules);
    let tx = app.db.begin_write().await?;
    let row = appeals::withdraw(&*tx, bench, citizen.person_id, id).await?;
    audit::append(&*tx, act(&actor, "appeal.withdraw", &row, json!({})), bench.now).await?;
    Ok(tx.commit().await?)
}

/// The own appeals, newest first.
pub async fn mine(app: &App, citizen: &Citizen, before: Option<Uuid>, limit: u64) -> Answer<Vec<Opened>> {
    require(app)?;
    let rows = store::of_person(app.db.conn(), citizen.person_id, before, limit).await?;
    rows.into_iter().map(|row| opened(app, row, Purpose::OwnRequest)).collect()
}

/// A page of a division's appeals, asked for with one row too many. No text is opened.
pub async fn page(app: &App, official: &Official, part: &Part) -> Answer<Vec<appeal::Model>> {
    require(app)?;
    let rows = store::page(app.db.conn(), &official.division, part, app.clock.now()).await?;
    listed(app, official, "appeal", rows.iter().map(|row| row.person_id), part.limit).await?;
    Ok(rows)
}

/// An appeal with everything that is asked to decide on it.
pub async fn show(app: &App, official: &Official, id: Uuid) -> Answer<File> {
    require(app)?;
    let conn = app.db.conn();
    let row = store::by_id(conn, id).await?.filter(|row| official.division.covers(&row.division_code));
    let row = row.ok_or_else(|| Problem::new(Code::NotFound))?;
    record(app, act(&official.actor(), "appeal.show", &row, json!({}))).await?;
    Ok(File {
        history: history::page(app, row.person_id, None, BESIDE, Purpose::Appeal).await?,
        facts: store::facts_of(conn, row.person_id, BESIDE).await?,
        integrity: store::integrity_of(conn, row.person_id).await?,
        may_decide: appeals::may_decide(conn, &row, official.id).await?,
        opened: opened(app, row, Purpose::Appeal)?,
    })
}

/// Decides on an appeal.
pub async fn decide(app: &App, official: &Official, id: Uuid, verdict: Verdict) -> Answer<Opened> {
    require(app)?;
    let verdict = Verdict { reason: text("reason", &verdict.reason, ANSWER_MAX)?, ..verdict };
    let (rules, actor) = (app.rules.current(), official.actor());
    let bench = bench(app, &rules);
    let tx = app.db.begin_write().await?;
    let row = appeals::decide(&*tx, bench, official, id, &verdict).await?;
    let action = if verdict.to.is_some() { "appeal.grant" } else { "appeal.reject" };
    let detail = json!({ "from": row.colour, "to": row.to_colour });
    audit::append(&*tx, act(&actor, action, &row, detail), bench.now).await?;
    tx.commit().await?;
    changed(app, [row.person_id]).await;
    opened(app, row, Purpose::Appeal)
}
