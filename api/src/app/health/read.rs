//! From what a QR holds to whose code it is.

use mashang_code_verify::{DenyList, Purpose as CodePurpose, Refusal, Verified};
use mashang_domain::time::Timestamp;
use uuid::Uuid;

use super::code::person_of;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// Clocks of our own processes may differ by so many seconds.
const OWN_CLOCKS: u64 = 5;

/// Why a code is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disbelief {
    Expired { seconds: u64 },
    Invalid { reason: &'static str },
    UnknownPerson,
}

impl From<Disbelief> for Problem {
    fn from(disbelief: Disbelief) -> Self {
        match disbelief {
            Disbelief::Expired { seconds } => {
                Problem::new(Code::TokenExpired).with("expired_seconds_ago", seconds)
            }
            Disbelief::Invalid { reason } => Problem::new(Code::TokenInvalid).with("reason", reason),
            Disbelief::UnknownPerson => Problem::new(Code::TokenInvalid).with("reason", "unknown_person"),
        }
    }
}

/// A code that is believed: whose it is, its own id, and for how many seconds the phone has had it.
pub struct Read {
    pub person: Uuid,
    pub token: Uuid,
    pub age: i64,
}

/// Reads a code: is it signed by us, is it fresh, and whose is it.
///
/// # Errors
/// Where the keys or the person cannot be looked up.
pub async fn read(app: &App, token: &str, now: Timestamp) -> Answer<Result<Read, Disbelief>> {
    let found = match signed(app, token, now).await? {
        Ok(found) => found,
        Err(refusal) => {
            metrics::counter!("mashang_code_refusals_total", "reason" => refusal.code()).increment(1);
            return Ok(Err(match refusal {
                Refusal::Expired { seconds } => Disbelief::Expired { seconds },
                other => Disbelief::Invalid { reason: other.code() },
            }));
        }
    };
    let id = found.token.id;
    let age = (now.secs() - i64::from(found.token.issued_at)).max(0);
    let person = person_of(app, id).await?;
    Ok(person
        .map(|person| Read { person, token: Uuid::from_bytes(id.0), age })
        .ok_or(Disbelief::UnknownPerson))
}

/// The code, when its signature and its time are right.
async fn signed(app: &App, token: &str, now: Timestamp) -> Answer<Result<Verified, Refusal>> {
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
    Ok(found)
}
