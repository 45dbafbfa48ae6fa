//! What decisions of officials about codes have in common: who decides, by what, and why it may be refused.

use mashang_domain::health::appeal::AppealRefused;
use mashang_domain::health::request::RequestRefused;
use mashang_domain::health::{Event, ManualLimits, Outcome, Refused, RuleSet};
use mashang_domain::person::{Actor, Division, Role};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Done, Happening, apply};
use crate::keys::{Field, KeyRing, SealError};

/// By what is decided, and when.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    pub rules: &'a RuleSet,
    pub limits: ManualLimits,
    pub keys: &'a KeyRing,
    pub now: Timestamp,
}

/// Who decides.
#[derive(Debug, Clone)]
pub struct Official {
    pub id: Uuid,
    pub role: Role,
    pub division: Division,
}

impl Official {
    pub fn actor(&self) -> Actor {
        Actor::Staff { id: self.id, role: self.role, division: self.division.clone() }
    }
}

/// Why nothing was decided. What was written until then is to be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// There is no such thing, or it lies in another division.
    #[error("there is no such person, request or appeal in this division")]
    NotFound,
    #[error("a request about this person is waiting already")]
    Waiting,
    #[error(transparent)]
    Rule(#[from] Refused),
    #[error(transparent)]
    Request(#[from] RequestRefused),
    #[error(transparent)]
    Appeal(#[from] AppealRefused),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Db(#[from] DbErr),
}

/// Moves the code of one person; a refusal by the rules is an error.
pub(super) async fn move_code(
    tx: &impl ConnectionTrait,
    bench: Bench<'_>,
    person: Uuid,
    event: Event,
    actor: Actor,
) -> Result<Outcome, DecisionError> {
    // The division counts for who has no code yet: nobody here.
    let happening = Happening { person, division: String::new(), event, actor };
    match apply(tx, bench.rules, &[happening], bench.now).await?.pop() {
        Some(Done::Applied(outcome)) => Ok(outcome),
        Some(Done::Refused(refused)) => Err(refused.into()),
        // Decisions carry no facts.
        Some(Done::Known) | None => Err(DbErr::Custom("an event of a code got lost".to_owned()).into()),
    }
}

/// Seals what was written, as JSON.
pub(super) fn seal(
    keys: &KeyRing,
    field: Field,
    row: Uuid,
    written: &impl Serialize,
) -> Result<Vec<u8>, SealError> {
    let bytes = serde_json::to_vec(written).map_err(|_| SealError::Broken)?;
    keys.seal(field, row, &bytes)
}

/// Opens what [`seal`] has sealed.
pub(super) fn open<T: DeserializeOwned>(
    keys: &KeyRing,
    field: Field,
    (row, version): (Uuid, i32),
    sealed: &[u8],
    purpose: Purpose,
) -> Result<T, SealError> {
    let bytes = keys.open_sealed(field, row, version, sealed, purpose)?;
    serde_json::from_slice(&bytes).map_err(|_| SealError::Broken)
}
