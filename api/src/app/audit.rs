//! The audit log, for auditors and for the people it is about.

use std::collections::HashMap;

use data_encoding::{BASE64, HEXLOWER};
use mashang_domain::time::Timestamp;
use mashang_entity::audit as entity;
use mashang_infra::audit_check;
use mashang_infra::store::audit::{self, Verdict};
use mashang_infra::store::staff;
use uuid::Uuid;

use crate::error::Answer;
use crate::state::App;

/// One access as the person concerned sees it: the office, never the name.
pub struct Access {
    pub seq: i64,
    pub at: Timestamp,
    /// `citizen` (themselves), a role of staff, or `system`.
    pub office: String,
    /// The division of the member of staff.
    pub division: Option<String>,
    pub purpose: String,
    pub action: String,
}

/// Who looked at a person's data, newest first.
pub async fn accesses(app: &App, person: Uuid, before: Option<i64>, limit: u64) -> Answer<Vec<Access>> {
    let entries = audit::about(app.db.conn(), person, before, limit).await?;
    let mut ids: Vec<Uuid> = entries.iter().filter_map(staff_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let divisions: HashMap<Uuid, String> = staff::divisions_of(app.db.conn(), ids).await?;
    let access = |e: entity::Model| Access {
        division: staff_id(&e).and_then(|id| divisions.get(&id).cloned()),
        seq: e.seq,
        at: e.at,
        office: e.actor_kind,
        purpose: e.purpose,
        action: e.action,
    };
    Ok(entries.into_iter().map(access).collect())
}

fn staff_id(entry: &entity::Model) -> Option<Uuid> {
    match entry.actor_kind.as_str() {
        "citizen" | "system" => None,
        _ => entry.actor_id.parse().ok(),
    }
}

/// A page of the whole log, newest first.
pub async fn page(app: &App, before: Option<i64>, limit: u64) -> Answer<Vec<entity::Model>> {
    Ok(audit::page(app.db.conn(), before, limit).await?)
}

/// The head of the log, signed: whoever keeps it can show later that the log was cut or rewritten.
pub struct SignedHead {
    pub seq: i64,
    pub hash: String,
    pub at: Timestamp,
    /// See [`audit_check::sign_head`].
    pub signature: String,
    pub public_key: String,
}

pub async fn head(app: &App) -> Answer<SignedHead> {
    let (seq, hash) = audit::head(app.db.conn()).await?;
    let at = app.clock.now();
    let signature = audit_check::sign_head(&app.keys, seq, &hash, at);
    let public_key = BASE64.encode(app.keys.signing_key().verifying_key().as_bytes());
    Ok(SignedHead { seq, hash: HEXLOWER.encode(&hash), at, signature, public_key })
}

/// Walks the whole chain.
pub async fn verify(app: &App) -> Answer<Verdict> {
    Ok(audit::verify(app.db.conn()).await?)
}
