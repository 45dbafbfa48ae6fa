//! The hash chain of the audit log: every entry carries the hash of the one before.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::time::Timestamp;

/// The hash before the first entry.
pub const GENESIS: [u8; 32] = [0; 32];

crate::macros::words! {
    /// Why somebody's data was touched. There is no look-up without one.
    Purpose {
        SignIn = "sign_in", Case = "case", Trace = "trace", Alert = "alert", Notify = "notify", VenueCare = "venue_care", GateCheck = "gate_check",
        HealthCode = "health_code", Appeal = "appeal",
        Import = "import", OwnRequest = "own_request", Administration = "administration", Retention = "retention", Destruction = "destruction",
    }
}

/// What an entry says, without its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub seq: i64,
    pub at: Timestamp,
    pub actor_kind: &'a str,
    pub actor_id: &'a str,
    pub action: &'a str,
    pub purpose: &'a str,
    /// The person concerned, by their random id.
    pub subject: Option<Uuid>,
    pub object_kind: &'a str,
    pub object_id: &'a str,
    /// Canonical JSON (sorted keys), without personal data.
    pub detail: &'a str,
}

/// SHA-256 over the previous hash and every field, each preceded by its length so that no two entries collide.
pub fn chain_hash(previous: &[u8], e: &Entry<'_>) -> [u8; 32] {
    let mut h = Sha256::new();
    let mut field = |bytes: &[u8]| {
        h.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        h.update(bytes);
    };
    field(previous);
    field(&e.seq.to_be_bytes());
    field(&e.at.millis().to_be_bytes());
    for text in [e.actor_kind, e.actor_id, e.action, e.purpose] {
        field(text.as_bytes());
    }
    field(e.subject.map_or([0; 16], |s| *s.as_bytes()).as_slice());
    for text in [e.object_kind, e.object_id, e.detail] {
        field(text.as_bytes());
    }
    h.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry<'static> {
        Entry {
            seq: 1,
            at: Timestamp(5),
            actor_kind: "official",
            actor_id: "a",
            action: "case.report",
            purpose: "case",
            subject: None,
            object_kind: "case",
            object_id: "x",
            detail: "{}",
        }
    }

    #[test]
    fn every_field_counts() {
        let base = chain_hash(&GENESIS, &entry());
        let changed = [
            Entry { seq: 2, ..entry() },
            Entry { at: Timestamp(6), ..entry() },
            Entry { actor_id: "b", ..entry() },
            Entry { subject: Some(Uuid::from_u128(1)), ..entry() },
            Entry { object_kind: "casex", object_id: "", ..entry() },
            Entry { detail: "{\"a\":1}", ..entry() },
        ];
        for e in changed {
            assert_ne!(chain_hash(&GENESIS, &e), base, "{e:?}");
        }
        assert_ne!(chain_hash(&[1; 32], &entry()), base);
    }
}
