//! A guard checks a code: is it signed by us, is it fresh, was it shown before, and what is the person's colour now.
//!
//! The colour is that of the database at this moment, not the one in the code. Every check that found a person is written
//! down before it is answered, and that person can read it.

use std::sync::Arc;

use mashang_domain::health::{Colour, Event, HealthState, Reason, Temperature};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::code_check;
use mashang_infra::health::statement::Statement;
use mashang_infra::health::{Happening, apply};
use mashang_infra::store::code_check::{self as checks, Shown};
use mashang_infra::store::declaration as declarations;
use uuid::Uuid;

use super::read::{Read, read};
use super::{changed, code, outcome, require, state};
use crate::error::{Answer, Problem};
use crate::http::auth::Citizen;
use crate::http::gatekeeper::Gatekeeper;
use crate::state::App;

/// Longest name of a place, in characters.
const PLACE_MAX: usize = 64;

/// What a guard's device sends.
pub struct Check {
    pub token: String,
    pub temperature: Option<Temperature>,
    pub place: Option<String>,
}

/// Somebody who stands at a gate, by whatever told who they are.
pub struct Seen {
    /// Of this check.
    pub id: Uuid,
    pub person: Uuid,
    /// The code that was shown; of a look-up by document the id of the check.
    pub token: Uuid,
    /// Seconds since the phone got this code.
    pub age: i64,
    pub temperature: Option<Temperature>,
    pub place: Option<String>,
}

/// Who somebody is, as a gate may know it.
#[derive(Debug)]
pub struct Masked {
    /// `张**`
    pub name: String,
    /// The code of CV02.01.101.
    pub id_type: &'static str,
    /// `11****2X`
    pub id_number: String,
}

/// What the guard is told.
pub struct Verdict {
    pub id: Uuid,
    pub person: Uuid,
    pub at: Timestamp,
    pub allowed: bool,
    pub state: HealthState,
    pub fever: bool,
    pub who: Option<Arc<Masked>>,
    /// Seconds since the phone got this code.
    pub age: i64,
    /// The first earlier showing of this very code.
    pub shown_before: Option<Shown>,
}

impl Verdict {
    /// What the colour comes of, no closer than a guard has to know.
    pub fn reason_class(&self) -> &'static str {
        match self.state.colour {
            Colour::Green => "none",
            Colour::Yellow => "home_observation",
            Colour::Red => "quarantine",
            Colour::Grey if self.state.reason == Reason::Expired.as_str() => "expired",
            Colour::Grey => "not_declared",
        }
    }
}

/// Checks a code that a guard or a device has scanned.
///
/// # Errors
/// `token_invalid` (with why, as `reason`), `token_expired`, `invalid`.
pub async fn verify(app: &App, gate: &Gatekeeper, check: Check) -> Answer<Verdict> {
    require(app)?;
    let Check { token, temperature, place } = check;
    if place.as_ref().is_some_and(|place| !(1..=PLACE_MAX).contains(&place.chars().count())) {
        return Err(Problem::field("place", "length", format!("1 to {PLACE_MAX} characters")));
    }
    let now = app.clock.now();
    let Read { person, token, age } = read(app, &token, now).await??;
    let place = place.or_else(|| gate.place.clone());
    see(app, gate, Seen { id: Uuid::now_v7(), person, token, age, temperature, place }, now).await
}

/// Judges somebody who stands at a gate, and writes the check down.
///
/// # Errors
/// When it cannot be written down.
pub async fn see(app: &App, gate: &Gatekeeper, seen: Seen, now: Timestamp) -> Answer<Verdict> {
    let Seen { id, person, token, age, temperature, place } = seen;
    let fever = temperature.is_some_and(|t| t >= app.rules.current().fever);
    if let (true, Some(temperature)) = (fever, temperature) {
        measured(app, gate, person, temperature, id, now).await?;
    }
    let (state, row) = (state(app, person).await?, code(app, person).await?);
    let allowed = state.colour == Colour::Green && !fever;
    let row_of_check = code_check::Model {
        id,
        person_id: person,
        token_id: token,
        staff_id: gate.id,
        place,
        purpose: Purpose::GateCheck.as_str().to_owned(),
        colour: state.colour,
        allowed,
        tenths: temperature.and_then(|t| i16::try_from(t.0).ok()),
        at: now,
    };
    let who = masked(app, row.and_then(|row| row.declaration_id));
    let (shown_before, who) = tokio::join!(app.checks.record(row_of_check), who);
    metrics::counter!("mashang_code_checks_total", "colour" => state.colour.as_str()).increment(1);
    let (shown_before, who) = (shown_before?, who?);
    Ok(Verdict { id, person, at: now, allowed, state, fever, who, age, shown_before })
}

/// A fever at a gate recolours.
async fn measured(
    app: &App,
    gate: &Gatekeeper,
    person: Uuid,
    temperature: Temperature,
    check: Uuid,
    now: Timestamp,
) -> Answer<()> {
    let event = Event::GateTemperature { temperature, gate_event: check };
    let happening = Happening { person, division: String::new(), event, actor: gate.actor.clone() };
    let tx = app.db.begin_write().await?;
    for done in apply(&*tx, &app.rules.current(), &[happening], now).await? {
        outcome(done)?;
    }
    tx.commit().await?;
    changed(app, [person]).await;
    Ok(())
}

/// Who made a declaration, masked.
async fn masked(app: &App, declaration: Option<Uuid>) -> Answer<Option<Arc<Masked>>> {
    let Some(id) = declaration else { return Ok(None) };
    let load = async {
        let row = declarations::by_id(app.db.conn(), id).await?;
        let open = |row| Statement::open(&app.keys, &row, Purpose::GateCheck);
        let said = row.map(open).transpose()?;
        Ok::<_, Problem>(Arc::new(Masked {
            name: said.as_ref().map_or_else(|| "*".to_owned(), Statement::name_masked),
            id_type: said.as_ref().map_or("99", |said| said.id_type.code()),
            id_number: said
                .and_then(|said| said.identity())
                .map_or_else(|| "****".to_owned(), |id| id.masked()),
        }))
    };
    app.masked.get_or_load(id, load).await.map(Some)
}

/// Who checked the own code, newest first.
pub async fn own_checks(
    app: &App,
    citizen: &Citizen,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<code_check::Model>> {
    require(app)?;
    Ok(checks::of_person(app.db.conn(), citizen.person_id, before, limit).await?)
}
