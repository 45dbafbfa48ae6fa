//! Daily reports, and how far somebody's days have come.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use mashang_domain::health::{Event, HealthState, ReminderWay, Symptom, Temperature, missed_days};
use mashang_domain::time::{Timestamp, day_number};
use mashang_entity::check_in;
use mashang_infra::health::{Happening, apply};
use mashang_infra::keys::Field;
use mashang_infra::store::{declaration as reports, reminder};
use serde_json::json;
use uuid::Uuid;

use super::{changed, code, outcome, require, state};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::state::App;

/// Longest note, in characters.
const NOTE_MAX: usize = 200;

/// What somebody reports.
pub struct Report {
    pub temperature: Temperature,
    pub symptoms: BTreeSet<Symptom>,
    pub note: Option<String>,
}

/// A report that was taken.
pub struct Taken {
    pub id: Uuid,
    pub at: Timestamp,
    pub normal: bool,
    pub state: HealthState,
}

/// Takes the report of today. One counts a day; a second one is harmless, and an abnormal one starts the days again.
///
/// # Errors
/// `invalid`, `not_declared`.
pub async fn report(app: &App, citizen: &Citizen, report: Report) -> Answer<Taken> {
    require(app)?;
    if report.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
        return Err(Problem::field("note", "length", format!("at most {NOTE_MAX} characters")));
    }
    let (id, now, rules) = (Uuid::now_v7(), app.clock.now(), app.rules.current());
    let normal = report.symptoms.is_empty() && report.temperature < rules.fever;
    let said = json!({ "temperature": report.temperature, "symptoms": report.symptoms, "note": report.note });
    let row = check_in::Model {
        id,
        person_id: citizen.person_id,
        day: day_number(now.shanghai_day()),
        at: now,
        normal,
        sealed: app.keys.seal(Field::CheckIn, id, said.to_string().as_bytes())?,
        key_version: app.keys.current_version(),
    };
    let Report { temperature, symptoms, .. } = report;
    let happening = Happening {
        person: citizen.person_id,
        division: code(app, citizen.person_id)
            .await?
            .map(|row| row.division_code.clone())
            .unwrap_or_default(),
        event: Event::CheckIn { symptoms, temperature: Some(temperature), check_in: id },
        actor: citizen.actor(),
    };
    let tx = app.db.begin_write().await?;
    reports::insert_check_in(&*tx, row).await?;
    for done in apply(&*tx, &rules, &[happening], now).await? {
        outcome(done)?;
    }
    tx.commit().await?;
    changed(app, [citizen.person_id]).await;
    Ok(Taken { id, at: now, normal, state: state(app, citizen.person_id).await? })
}

/// How far the days have come.
pub struct Quarantine {
    pub state: HealthState,
    pub today: NaiveDate,
    /// Days without a normal check-in since the colour began, today not among them.
    pub missed: Vec<NaiveDate>,
}

pub async fn quarantine(app: &App, citizen: &Citizen) -> Answer<Quarantine> {
    require(app)?;
    let (state, today) = (state(app, citizen.person_id).await?, app.clock.now().shanghai_day());
    let mut missed = Vec::new();
    if state.is_restricted() {
        let began = state.since.shanghai_day();
        let checked = reports::days_checked(app.db.conn(), citizen.person_id, day_number(began)).await?;
        missed = missed_days(began, &checked.into_iter().collect(), today);
    }
    Ok(Quarantine { state, today, missed })
}

/// How somebody wants to be reminded from now on.
///
/// # Errors
/// `not_declared` for who has no code yet.
pub async fn choose_reminders(app: &App, citizen: &Citizen, way: ReminderWay) -> Answer<()> {
    require(app)?;
    let tx = app.db.begin_write().await?;
    let known = reminder::choose(&*tx, citizen.person_id, way).await?;
    tx.commit().await?;
    changed(app, [citizen.person_id]).await;
    if known { Ok(()) } else { Err(Problem::new(Code::NotDeclared)) }
}
