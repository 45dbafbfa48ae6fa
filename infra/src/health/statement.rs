//! What a declaration says, as it is sealed.

use std::collections::BTreeSet;
use std::fmt;

use chrono::NaiveDate;
use mashang_domain::health::{Declared, Symptom, Temperature};
use mashang_domain::person::{IdentityKind, IdentityNumber, Name};
use mashang_domain::protection::audit::Purpose;
use mashang_entity::declaration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::keys::{Field, KeyRing, SealError};

/// A declaration's answers. `Debug` shows nothing of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub name: String,
    pub id_type: IdentityKind,
    pub id_number: String,
    /// Where the number does not say it.
    pub birth_date: Option<NaiveDate>,
    pub address: Option<String>,
    /// From where somebody came, and when.
    pub arrival: Option<Arrival>,
    pub contact_with_case: bool,
    pub from_key_area: bool,
    pub symptoms: BTreeSet<Symptom>,
    pub temperature: Option<Temperature>,
    pub guardian: Option<Guardian>,
}

/// From which division somebody came, on which day.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    pub division_code: String,
    pub on: NaiveDate,
}

/// Who consents for somebody under 14.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardian {
    pub name: String,
    pub relation: String,
}

impl Statement {
    /// The answers that rules look at.
    pub fn declared(&self) -> Declared {
        Declared {
            symptoms: self.symptoms.clone(),
            temperature: self.temperature,
            contact_with_case: self.contact_with_case,
            from_key_area: self.from_key_area,
        }
    }

    /// The name as a guard sees it.
    pub fn name_masked(&self) -> String {
        Name::parse(&self.name).map_or_else(|_| "*".to_owned(), |name| name.masked())
    }

    pub fn identity(&self) -> Option<IdentityNumber> {
        IdentityNumber::from_stored(self.id_type, self.id_number.clone())
    }

    /// # Errors
    /// When the keys were destroyed.
    pub fn seal(&self, keys: &KeyRing, declaration: Uuid) -> Result<Vec<u8>, SealError> {
        let text = serde_json::to_vec(self).map_err(|_| SealError::Broken)?;
        keys.seal(Field::Declaration, declaration, &text)
    }

    /// # Errors
    /// When the value was changed or moved, or the keys were destroyed.
    pub fn open(keys: &KeyRing, row: &declaration::Model, purpose: Purpose) -> Result<Self, SealError> {
        let text = keys.open_sealed(Field::Declaration, row.id, row.key_version, &row.sealed, purpose)?;
        serde_json::from_slice(&text).map_err(|_| SealError::Broken)
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statement")
    }
}
