//! What the steps found out, kept in the operation's row until the certificate is written.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use mashang_config::Retention;
use mashang_domain::protection::certificate::{AuditHead, Certificate, KIND, TableCount, not_destroyed};
use mashang_domain::protection::retention::Period;
use mashang_domain::time::Timestamp;
use mashang_entity::operation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::DestructionError;
use crate::store::{emptying, retention};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Findings {
    pub(super) keys: Vec<String>,
    pub(super) keys_destroyed_at: Option<Timestamp>,
    pub(super) before: BTreeMap<String, i64>,
    pub(super) after: BTreeMap<String, i64>,
    pub(super) redis_keys: Option<u64>,
}

impl Findings {
    pub(super) fn of(row: &operation::Model) -> Self {
        row.destruction.clone().and_then(|v| serde_json::from_value(v).ok()).unwrap_or_default()
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The certificate, all but its key.
    pub(super) fn certificate(
        &self,
        row: &operation::Model,
        settings: &Retention,
        (seq, hash): (i64, Vec<u8>),
        now: Timestamp,
    ) -> Result<Certificate, DestructionError> {
        let who =
            |id: Option<Uuid>| id.ok_or(DestructionError::Record("who requested and confirmed the end"));
        let when = |at: Option<Timestamp>| at.ok_or(DestructionError::Record("when the end was decided"));
        let days = retention::days(settings);
        let rows = |of: &BTreeMap<String, i64>, table: &str| of.get(table).copied().unwrap_or(0);
        let tables = emptying::tables().map(|table| TableCount {
            table: table.to_owned(),
            rows_before: rows(&self.before, table),
            rows_after: rows(&self.after, table),
        });
        Ok(Certificate {
            kind: KIND.to_owned(),
            operation_id: row.id,
            operation_name: row.name.clone(),
            legal_basis: row.legal_basis.clone(),
            started_at: row.started_at,
            end_requested_at: when(row.end_requested_at)?,
            end_requested_by: who(row.end_requested_by)?,
            end_confirmed_at: when(row.ended_at)?,
            end_confirmed_by: who(row.ended_by)?,
            keys_destroyed_at: when(self.keys_destroyed_at)?,
            issued_at: now,
            keys_destroyed: self.keys.clone(),
            tables: tables.collect(),
            redis_keys_deleted: self.redis_keys,
            retention_days: Period::ALL.iter().map(|p| (p.to_string(), days.of(*p))).collect(),
            audit_head: AuditHead { seq, hash: HEXLOWER.encode(&hash) },
            not_destroyed: not_destroyed(),
            public_key: String::new(),
        })
    }
}
