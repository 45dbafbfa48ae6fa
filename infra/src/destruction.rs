//! Destroys the data of an operation that two administrators have ended.
//!
//! [`Destruction::finish`] goes on where the last process was interrupted: each step is recorded when it is done, can be
//! repeated, and several processes may work at once. The order makes an interruption harmless: requests stop, nothing
//! more is sent, the keys go, and only then, with the data unreadable already, are rows counted and tables emptied.

mod caches;
mod findings;

use std::sync::Arc;
use std::time::Duration;

use mashang_config::Retention;
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::protection::certificate::SignedCertificate;
use mashang_domain::protection::ending::DestructionStep;
use mashang_entity::operation;
use sea_orm::DbErr;
use serde_json::json;

use self::findings::Findings;
use crate::clock::Clock;
use crate::db::Db;
use crate::keys::{KeyFileError, KeyRing};
use crate::redis::{RedisFailure, RedisPools};
use crate::store::audit::{self, Act};
use crate::store::{emptying, operation as store};

/// How often the tables are emptied again when requests that were under way still wrote into them.
const TRIES: u32 = 10;

#[derive(Debug, thiserror::Error)]
pub enum DestructionError {
    #[error("the database: {0}")]
    Database(#[from] DbErr),
    #[error("the keys cannot be destroyed: {0}")]
    Keys(#[from] KeyFileError),
    #[error("{0}")]
    Redis(#[from] RedisFailure),
    #[error("rows are still being written to the tables: {0} after the last try")]
    NotEmpty(i64),
    #[error("what an earlier step recorded is missing: {0}")]
    Record(&'static str),
    #[error("a step was cut off by the shutdown; the next start goes on")]
    CutOff,
}

/// What the destruction reaches.
#[derive(Clone)]
pub struct Destruction {
    pub db: Db,
    pub keys: Arc<KeyRing>,
    /// With the prefix of our keys; none in the embedded form.
    pub redis: Option<(RedisPools, String)>,
    pub retention: Retention,
    pub clock: Clock,
    /// How long requests that are under way get before tables are counted and emptied.
    pub grace: Duration,
}

impl Destruction {
    /// Finishes the destruction of an ended operation and answers its certificate; `None` while the operation runs.
    ///
    /// # Errors
    /// When a step fails; the steps before stay done, and calling again repeats the failed one.
    pub async fn finish(&self) -> Result<Option<SignedCertificate>, DestructionError> {
        while self.step().await? {}
        let row = store::current(self.db.conn()).await?;
        Ok(row.as_ref().and_then(store::certificate_of))
    }

    /// Does the next step; false when there is none.
    ///
    /// # Errors
    /// When the step fails; it is not recorded then and can be repeated.
    pub async fn step(&self) -> Result<bool, DestructionError> {
        let Some(row) = store::current(self.db.conn()).await? else { return Ok(false) };
        match row.destruction_step {
            None | Some(DestructionStep::Certified) => Ok(false),
            Some(done) => self.after(&row, done).await.map(|()| true),
        }
    }

    /// Does and records the step that follows `done`.
    async fn after(&self, row: &operation::Model, done: DestructionStep) -> Result<(), DestructionError> {
        use DestructionStep as S;
        let findings = Findings::of(row);
        let (to, findings) = match done {
            S::Stopped => (S::AlertsCancelled, self.cancel_alerts(findings).await?),
            S::AlertsCancelled => (S::KeysDestroyed, self.destroy_keys(row, findings).await?),
            S::KeysDestroyed => (S::Counted, self.count(findings).await?),
            S::Counted => (S::Emptied, self.empty(findings).await?),
            S::Emptied => (S::CachesCleared, self.clear_caches(findings).await?),
            S::CachesCleared => return self.certify(row, &findings).await,
            S::Certified => return Ok(()),
        };
        let recorded = store::advance(self.db.conn(), row.id, done, to, findings.to_json()).await?;
        tracing::warn!(operation.id = %row.id, step = %to, recorded, "destruction of the operation's data");
        Ok(())
    }

    async fn cancel_alerts(&self, findings: Findings) -> Result<Findings, DestructionError> {
        emptying::cancel_alerts(&self.db, self.clock.now()).await?;
        Ok(findings)
    }

    /// The fingerprints are recorded first: afterwards nobody can compute them.
    async fn destroy_keys(
        &self,
        row: &operation::Model,
        mut findings: Findings,
    ) -> Result<Findings, DestructionError> {
        if findings.keys.is_empty() {
            findings.keys = self.keys.destructible_fingerprints();
            let step = DestructionStep::AlertsCancelled;
            store::advance(self.db.conn(), row.id, step, step, findings.to_json()).await?;
        }
        let keys = Arc::clone(&self.keys);
        let work = tokio::task::spawn_blocking(move || keys.destroy());
        let destroyed = work.await.map_err(|_| DestructionError::CutOff)??;
        if findings.keys.is_empty() {
            findings.keys = destroyed;
        }
        findings.keys_destroyed_at = Some(self.clock.now());
        Ok(findings)
    }

    async fn count(&self, mut findings: Findings) -> Result<Findings, DestructionError> {
        tokio::time::sleep(self.grace).await;
        findings.before = owned(emptying::count(&self.db).await?);
        Ok(findings)
    }

    async fn empty(&self, mut findings: Findings) -> Result<Findings, DestructionError> {
        let mut left = 0;
        for _ in 0..TRIES {
            emptying::empty(&self.db).await?;
            findings.after = owned(emptying::count(&self.db).await?);
            left = findings.after.values().sum();
            if left == 0 {
                return Ok(findings);
            }
            tokio::time::sleep(self.grace).await;
        }
        Err(DestructionError::NotEmpty(left))
    }

    async fn clear_caches(&self, mut findings: Findings) -> Result<Findings, DestructionError> {
        if let Some((pools, prefix)) = &self.redis {
            let deleted = caches::delete_prefix(pools, prefix).await?;
            findings.redis_keys = Some(findings.redis_keys.unwrap_or(0) + deleted);
        }
        Ok(findings)
    }

    /// The last entry of the log about the operation, and the certificate that names it, in one transaction.
    async fn certify(&self, row: &operation::Model, findings: &Findings) -> Result<(), DestructionError> {
        let now = self.clock.now();
        let tx = self.db.begin_write().await?;
        audit::append(&*tx, destroyed(row, findings), now).await?;
        let head = audit::head(&*tx).await?;
        let certificate = findings.certificate(row, &self.retention, head, now)?;
        let signed = SignedCertificate::sign(certificate, self.keys.signing_key());
        if store::certify(&*tx, row.id, &signed).await? {
            tx.commit().await?;
            tracing::warn!(operation.id = %row.id, "the data was destroyed and the certificate was issued");
        } else {
            tx.rollback().await?;
        }
        Ok(())
    }
}

fn owned(counts: Vec<(&'static str, i64)>) -> std::collections::BTreeMap<String, i64> {
    counts.into_iter().map(|(table, n)| (table.to_owned(), n)).collect()
}

const ACTOR: Actor = Actor::System("destruction");

fn destroyed(row: &operation::Model, findings: &Findings) -> Act<'static> {
    Act {
        actor: &ACTOR,
        action: "operation.destroyed",
        purpose: Purpose::Destruction,
        subject: None,
        object_kind: "operation",
        object_id: row.id.to_string(),
        detail: json!({ "before": findings.before, "after": findings.after, "keys": findings.keys }),
    }
}
