//! Cases: an index person, an infectious window, and the visits in it.

pub mod visits;

use mashang_domain::person::{Actor, Division, Phone, check_division_code};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::trace::{CaseFacts, Span, WindowError, WindowRule, infectious_window};
use mashang_entity::infection_case;
use mashang_infra::keys::Field;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::{case as cases, person as people};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Longest note of a case, in characters.
const NOTE_MAX: usize = 2_000;

/// What an official reports.
pub struct Report {
    pub phone: Phone,
    pub facts: CaseFacts,
    pub note: Option<String>,
    /// Absent: the whole division of the official.
    pub division_code: Option<String>,
}

/// A case and what only those who look after it may read.
pub struct Shown {
    pub case: infection_case::Model,
    /// None when the person has erased themself.
    pub phone_masked: Option<String>,
    pub note: Option<String>,
}

/// An official and the division that bounds what they see.
pub struct Office {
    pub id: Uuid,
    pub division: Division,
    pub actor: Actor,
}

/// Reports a case. The person is found by the number, or made.
pub async fn report(app: &App, office: &Office, report: Report) -> Answer<Shown> {
    let now = app.clock.now();
    let rule = WindowRule {
        lead_hours: app.settings.trace.lead_hours,
        max_days: app.settings.trace.max_window_days,
    };
    let window = infectious_window(&report.facts, &rule).map_err(|e| no_window(&report.facts, e))?;
    let division_code = division_of(office, report.division_code)?;
    let id = Uuid::now_v7();
    let note_sealed = sealed_note(app, id, report.note.as_deref())?;
    let CaseFacts { reported_at, onset_at, positive_at, isolated_at, .. } = report.facts;
    let tx = app.db.begin_write().await?;
    let (person, is_new) = people::find_or_create(&*tx, &app.keys, &report.phone, now).await?;
    let case = infection_case::Model {
        id,
        person_id: person.id,
        division_code,
        reported_at,
        onset_at,
        positive_at,
        isolated_at,
        window_start: window.start,
        window_end: window.end,
        note_sealed,
        key_version: app.keys.current_version(),
        created_by: office.id,
        created_at: now,
    };
    cases::insert(&*tx, case.clone()).await?;
    let detail = json!({ "window": window, "division": case.division_code, "new_person": is_new });
    audit::append(&*tx, act(office, "case.report", &case, detail), now).await?;
    tx.commit().await?;
    Ok(Shown { case, phone_masked: Some(report.phone.masked()), note: report.note })
}

/// A case of the own division.
pub async fn show(app: &App, office: &Office, id: Uuid) -> Answer<Shown> {
    let case = find(app, office, id).await?;
    let person = people::by_id(app.db.conn(), case.person_id).await?;
    let phone = person.map(|p| people::phone_of(&app.keys, &p, Purpose::Case)).transpose()?;
    let open = |sealed: &Vec<u8>| {
        app.keys.open_sealed(Field::CaseNote, case.id, case.key_version, sealed, Purpose::Case)
    };
    let note = case.note_sealed.as_ref().map(open).transpose()?;
    let note = note.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    record(app, act(office, "case.show", &case, json!({}))).await?;
    Ok(Shown { phone_masked: phone.map(|p| p.masked()), case, note })
}

/// Cases of the own division, newest first: no number is opened and nobody is shown. `before` is the id of the last of
/// the page before.
pub async fn page(
    app: &App,
    office: &Office,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<infection_case::Model>> {
    Ok(cases::page(app.db.conn(), &office.division, before, limit).await?)
}

/// The case, or 404 when it is none of this division's.
pub(crate) async fn find(app: &App, office: &Office, id: Uuid) -> Answer<infection_case::Model> {
    let found = cases::by_id(app.db.conn(), id, &office.division).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

pub(crate) const fn window_of(case: &infection_case::Model) -> Span {
    Span { start: case.window_start, end: case.window_end }
}

pub(crate) fn act<'a>(
    office: &'a Office,
    action: &'static str,
    case: &infection_case::Model,
    detail: Value,
) -> Act<'a> {
    Act {
        actor: &office.actor,
        action,
        purpose: Purpose::Case,
        subject: Some(case.person_id),
        object_kind: "case",
        object_id: case.id.to_string(),
        detail,
    }
}

/// An entry of its own, for a look that changes nothing.
pub(crate) async fn record(app: &App, act: Act<'_>) -> Answer<()> {
    let tx = app.db.begin_write().await?;
    audit::append(&*tx, act, app.clock.now()).await?;
    Ok(tx.commit().await?)
}

fn no_window(facts: &CaseFacts, error: WindowError) -> Problem {
    let (field, code) = match (error, facts.window.is_some()) {
        (WindowError::NoBeginning, _) => ("onset_at", "missing"),
        (WindowError::Empty | WindowError::TooEarly(_) | WindowError::TooLate(_), true) => {
            ("window", "out_of_range")
        }
        (WindowError::Empty | WindowError::TooEarly(_) | WindowError::TooLate(_), false) => {
            ("isolated_at", "out_of_range")
        }
    };
    Problem::field(field, code, error.to_string())
}

/// The division that is named, if it lies inside the own; else the whole of the own one (`000000` = everywhere).
pub(crate) fn division_of(office: &Office, given: Option<String>) -> Answer<String> {
    let Some(code) = given else { return Ok(office.division.code()) };
    check_division_code(&code).map_err(|e| Problem::field("division_code", "invalid", e.to_string()))?;
    if office.division.covers(&code) {
        Ok(code)
    } else {
        Err(Problem::field("division_code", "outside", "the division lies outside your own"))
    }
}

fn sealed_note(app: &App, id: Uuid, note: Option<&str>) -> Answer<Option<Vec<u8>>> {
    let Some(note) = note.filter(|n| !n.is_empty()) else { return Ok(None) };
    if note.chars().count() > NOTE_MAX {
        return Err(Problem::field("note", "too_long", format!("≤ {NOTE_MAX}")));
    }
    Ok(Some(app.keys.seal(Field::CaseNote, id, note.as_bytes())?))
}
