//! A guard checks a code: is it signed by us, is it fresh, was it shown before, and what is the person's colour now.
//!
//! The colour is that of the database at this moment, not the one in the code. Every check that found a person is written
//! down before it is answered, and that person can read it.

use std::sync::Arc;

use mashang_code_verify::{DenyList, Purpose as CodePurpose, Refusal, Verified};
use mashang_domain::health::{Colour, Event, HealthState, Reason, Temperature};
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::code_check;
use mashang_infra::health::statement::Statement;
use mashang_infra::health::{Happening, apply};
use mashang_infra::store::code_check::{self as checks, Shown};
use mashang_infra::store::declaration as declarations;
use uuid::Uuid;

use super::code::person_of;
use super::{changed, code, outcome, require, state};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::state::App;

/// Clocks of our own processes may differ by so many seconds.
const OWN_CLOCKS: u64 = 5;
/// Longest name of a place, in characters.
const PLACE_MAX: usize = 64;

/// What a guard's device sends.
pub struct Check {
    pub token: String,
    pub temperature: Option<Temperature>,
    pub place: Option<String>,
}

/// What the guard is told.
pub struct Verdict {
    pub id: Uuid,
    pub at: Timestamp,
    pub allowed: bool,
    pub state: HealthState,
    pub fever: bool,
    pub name_masked: Option<Arc<str>>,
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

/// Checks a code that a guard has scanned.
///
/// # Errors
/// `token_invalid` (with why, as `reason`), `token_expired`, `invalid`.
pub async fn verify(app: &App, guard: &Actor, guard_id: Uuid, check: Check) -> Answer<Verdict> {
    require(app)?;
    if check.place.as_ref().is_some_and(|place| !(1..=PLACE_MAX).contains(&place.chars().count())) {
        return Err(Problem::field("place", "length", format!("1 to {PLACE_MAX} characters")));
    }
    let now = app.clock.now();
    let read = signed(app, &check.token, now).await?;
    let unknown = || Problem::new(Code::TokenInvalid).with("reason", "unknown_person");
    let person = person_of(app, read.token.id).await?.ok_or_else(unknown)?;
    let fever = check.temperature.is_some_and(|t| t >= app.rules.current().fever);
    let id = Uuid::now_v7();
    if let (true, Some(temperature)) = (fever, check.temperature) {
        measured(app, guard, person, temperature, id, now).await?;
    }
    let (state, row) = (state(app, person).await?, code(app, person).await?);
    let allowed = state.colour == Colour::Green && !fever;
    let row_of_check = code_check::Model {
        id,
        person_id: person,
        token_id: Uuid::from_bytes(read.token.id.0),
        staff_id: guard_id,
        place: check.place,
        purpose: Purpose::GateCheck.as_str().to_owned(),
        colour: state.colour,
        allowed,
        tenths: check.temperature.and_then(|t| i16::try_from(t.0).ok()),
        at: now,
    };
    let name = name_of(app, row.and_then(|row| row.declaration_id));
    let (shown_before, name_masked) = tokio::join!(app.checks.record(row_of_check), name);
    metrics::counter!("mashang_code_checks_total", "colour" => state.colour.as_str()).increment(1);
    let age = now.secs() - i64::from(read.token.issued_at);
    let (shown_before, name_masked) = (shown_before?, name_masked?);
    Ok(Verdict { id, at: now, allowed, state, fever, name_masked, age: age.max(0), shown_before })
}

/// The code, when its signature and its time are right.
async fn signed(app: &App, token: &str, now: Timestamp) -> Answer<Verified> {
    let seconds = u64::try_from(now.secs()).unwrap_or(0);
    let read =
        |at| app.issuer.verifier(&[CodePurpose::HealthCode], 0).verify(token, at, &DenyList::default());
    let mut found = read(seconds);
    if let Err(Refusal::UnknownKey(_)) = found {
        app.issuer.refresh_soon(now).await?;
        found = read(seconds);
    }
    if let Err(Refusal::NotYetValid { seconds: ahead @ ..=OWN_CLOCKS }) = found {
        found = read(seconds + ahead);
    }
    found.map_err(|refusal| {
        metrics::counter!("mashang_code_refusals_total", "reason" => refusal.code()).increment(1);
        match refusal {
            Refusal::Expired { seconds } => {
                Problem::new(Code::TokenExpired).with("expired_seconds_ago", seconds)
            }
            other => Problem::new(Code::TokenInvalid).with("reason", other.code()),
        }
    })
}

/// A fever at a gate recolours.
async fn measured(
    app: &App,
    guard: &Actor,
    person: Uuid,
    temperature: Temperature,
    check: Uuid,
    now: Timestamp,
) -> Answer<()> {
    let event = Event::GateTemperature { temperature, gate_event: check };
    let happening = Happening { person, division: String::new(), event, actor: guard.clone() };
    let tx = app.db.begin_write().await?;
    for done in apply(&*tx, &app.rules.current(), &[happening], now).await? {
        outcome(done)?;
    }
    tx.commit().await?;
    changed(app, [person]).await;
    Ok(())
}

/// The name in a declaration, masked.
async fn name_of(app: &App, declaration: Option<Uuid>) -> Answer<Option<Arc<str>>> {
    let Some(id) = declaration else { return Ok(None) };
    let load = async {
        let row = declarations::by_id(app.db.conn(), id).await?;
        let open = |row| Statement::open(&app.keys, &row, Purpose::GateCheck);
        let statement = row.map(open).transpose()?;
        Ok::<Arc<str>, Problem>(statement.map_or_else(|| "*".into(), |s| s.name_masked().into()))
    };
    app.names.get_or_load(id, load).await.map(Some)
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
