//! A gate's device asks about what it has read: a code, or the number of an identity card.
//!
//! The device hears a number whatever comes of it, a time-out included, so that it can say something aloud. A look-up by a
//! number is allowed for a check at a gate only; each stands in the audit log, whether it found somebody or not.

use std::time::Duration;

use mashang_domain::health::{DeviceStatus, Reading};
use mashang_domain::person::{IdentityKind, IdentityNumber};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::declaration as declarations;
use serde_json::json;
use uuid::Uuid;

use super::read::{Disbelief, Read, read};
use super::verify::{Seen, Verdict, see};
use super::{require, state};
use crate::error::{Answer, Code};
use crate::http::gatekeeper::Gatekeeper;
use crate::state::App;

/// How long a device waits at most.
const PATIENCE: Duration = Duration::from_secs(3);

/// Kinds of documents whose number a reader of cards can read.
const CARDS: [IdentityKind; 5] = [
    IdentityKind::Resident,
    IdentityKind::HouseholdRegister,
    IdentityKind::DrivingLicence,
    IdentityKind::HmtResidencePermit,
    IdentityKind::PermanentResidence,
];

/// What a device has read.
pub enum Presented {
    /// The content of a QR.
    Code(String),
    /// The number of an identity card.
    Card(String),
}

/// What a device asks.
pub struct Question {
    pub presented: Presented,
    pub reading: Reading,
    /// Where the device stands, when its key does not say so.
    pub device: String,
}

/// What it hears.
pub struct Heard {
    pub id: Uuid,
    pub at: Timestamp,
    pub status: DeviceStatus,
    /// Of who was found.
    pub verdict: Option<Verdict>,
}

/// Answers a device.
///
/// # Errors
/// `not_found` where this part is off; failures of ours. What takes too long is an answer.
pub async fn ask(app: &App, gate: &Gatekeeper, question: Question) -> Answer<Heard> {
    require(app)?;
    let (id, at) = (Uuid::now_v7(), app.clock.now());
    let heard = |status, verdict| Heard { id, at, status, verdict };
    match tokio::time::timeout(PATIENCE, found(app, gate, question, id, at)).await {
        Ok(Ok(Ok(verdict))) => Ok(heard(DeviceStatus::of(&verdict.state), Some(verdict))),
        Ok(Ok(Err(status))) => Ok(heard(status, None)),
        Ok(Err(problem)) if !matches!(problem.code, Code::Unavailable | Code::Overloaded) => Err(problem),
        Ok(Err(_)) | Err(_) => {
            metrics::counter!("mashang_code_refusals_total", "reason" => "timed_out").increment(1);
            Ok(heard(DeviceStatus::TimedOut, None))
        }
    }
}

async fn found(
    app: &App,
    gate: &Gatekeeper,
    question: Question,
    id: Uuid,
    now: Timestamp,
) -> Answer<Result<Verdict, DeviceStatus>> {
    let (person, token, age) = match question.presented {
        Presented::Code(token) => match read(app, &token, now).await? {
            Ok(Read { person, token, age }) => (person, token, age),
            Err(Disbelief::Expired { .. }) => return Ok(Err(DeviceStatus::Expired)),
            Err(Disbelief::Invalid { .. }) => return Ok(Err(DeviceStatus::Failed)),
            Err(Disbelief::UnknownPerson) => return Ok(Err(DeviceStatus::Missing)),
        },
        Presented::Card(number) => match look_up(app, gate, &number, id, now).await? {
            Ok(person) => (person, id, 0),
            Err(status) => return Ok(Err(status)),
        },
    };
    let place = gate.place.clone().or(Some(question.device));
    let temperature = question.reading.measured();
    see(app, gate, Seen { id, person, token, age, temperature, place }, now).await.map(Ok)
}

/// Who has declared under this number: of several people the one with the darkest colour, so that a second account makes
/// nobody's colour lighter.
async fn look_up(
    app: &App,
    gate: &Gatekeeper,
    number: &str,
    check: Uuid,
    now: Timestamp,
) -> Answer<Result<Uuid, DeviceStatus>> {
    let today = now.shanghai_day();
    let parsed = CARDS.iter().filter_map(|kind| IdentityNumber::parse(*kind, number, today).ok());
    let hashes: Vec<Vec<u8>> = parsed.map(|identity| app.keys.identity_hash(&identity)).collect();
    if hashes.is_empty() {
        return Ok(Err(DeviceStatus::Failed));
    }
    let mut darkest = None;
    for person in declarations::people_with(app.db.conn(), hashes).await? {
        let colour = state(app, person).await?.colour;
        if darkest.is_none_or(|(other, _)| colour > other) {
            darkest = Some((colour, person));
        }
    }
    let person = darkest.map(|(_, person)| person);
    let act = Act {
        actor: &gate.actor,
        action: "person.look_up",
        purpose: Purpose::GateCheck,
        subject: person,
        object_kind: "code_check",
        object_id: check.to_string(),
        detail: json!({ "found": person.is_some() }),
    };
    let tx = app.db.begin_write().await?;
    audit::append(&*tx, act, now).await?;
    tx.commit().await?;
    Ok(person.ok_or(DeviceStatus::Missing))
}
