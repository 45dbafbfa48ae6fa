//! Whether the operation still runs: asked before every request and every job, answered from memory.
//!
//! The answer is at most half a second old while the database is there. A process that learns of the end destroys the
//! key file it has, too: on another machine that is another copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mashang_domain::protection::OperationState;
use mashang_domain::protection::ending::DestructionStep;
use sea_orm::DbErr;

use crate::db::Db;
use crate::keys::KeyRing;
use crate::store::operation;

/// How long an answer is believed, in milliseconds.
const ASK_AGAIN_AFTER: u64 = 500;
/// How long the request that asks may wait for the answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Open while the operation runs. Clones share the answer.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    db: Db,
    keys: Arc<KeyRing>,
    opened: Instant,
    ended: AtomicBool,
    ask_at: AtomicU64,
}

impl Gate {
    pub fn new(db: Db, keys: Arc<KeyRing>) -> Self {
        let (ended, ask_at) = (AtomicBool::new(false), AtomicU64::new(0));
        Self(Arc::new(Inner { db, keys, opened: Instant::now(), ended, ask_at }))
    }

    /// Whether the operation has ended. When the database cannot say, the last answer holds.
    pub async fn is_ended(&self) -> bool {
        if self.due()
            && let Err(error) = self.ask().await
        {
            tracing::warn!(%error, "whether the operation still runs is not known; the last answer holds");
        }
        self.0.ended.load(Ordering::Acquire)
    }

    /// Closes at once, for the process in which the end was confirmed.
    pub fn close(&self) {
        self.0.ended.store(true, Ordering::Release);
    }

    /// Whether it is time, for one of those who come at once. The end is final.
    fn due(&self) -> bool {
        let now = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let at = self.0.ask_at.load(Ordering::Acquire);
        let next = now.saturating_add(ASK_AGAIN_AFTER);
        now >= at && self.0.ask_at.compare_exchange(at, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    async fn ask(&self) -> Result<(), DbErr> {
        let Ok(found) = tokio::time::timeout(PATIENCE, operation::current(self.0.db.conn())).await else {
            return Err(DbErr::Custom("no answer in time".to_owned()));
        };
        let Some(row) = found? else { return Ok(()) };
        if row.state != OperationState::Ended {
            return Ok(());
        }
        self.close();
        let keys_must_go = row.destruction_step.is_some_and(|s| s >= DestructionStep::KeysDestroyed);
        if keys_must_go && !self.0.keys.is_destroyed() {
            let keys = Arc::clone(&self.0.keys);
            let work = tokio::task::spawn_blocking(move || keys.destroy());
            if let Ok(Err(error)) = work.await {
                tracing::error!(%error, "the key file of this process cannot be destroyed");
            }
        }
        Ok(())
    }
}
