//! The queue over Redis streams: one stream a priority, one consumer group, every process a consumer of its own.
//!
//! - Reads block on connections of their own (see [`crate::redis`]). A connection whose read was interrupted or failed
//!   is thrown away; what it may have been handed comes back after the lease.
//! - Entries that nobody reported done within the lease are claimed back (`XAUTOCLAIM`), so the tasks of a process that
//!   was killed go to the others.
//! - Redis may be wiped at any moment. The group is made again at the beginning of the stream, never at its end.
//! - While Redis is away, takes fail, each after a pause that grows to a second.

mod claim;
mod depth;
mod reader;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::redis::{RedisError, cmd, pipe};
use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use self::claim::Claims;
use self::reader::{Reader, Readers};
use super::task::{encode, quarantined};
use super::{CAPACITY, Priority, Queue, QueueError, QueueOptions, Receipt, StreamDepth, Taken, Task};
use crate::redis::RedisPools;

/// `{mashang:queue}:login` and `{mashang:queue}:alert`, with the installation's namespace. The braces keep both
/// streams in one slot of a cluster, because one read waits on both.
fn stream_key(namespace: &str, priority: Priority) -> String {
    format!("{{{namespace}:queue}}:{}", priority.as_str())
}

/// The one consumer group of each stream.
const GROUP: &str = "notifier";

/// The one field of an entry: a task in JSON.
const FIELD: &str = "task";

/// Consumers without entries that have not asked for so long belong to processes that ended; 7 days in milliseconds.
const CONSUMER_FORGOTTEN_AFTER: u64 = 7 * 24 * 3_600_000;

/// See [`Queue`].
pub struct RedisQueue {
    pools: RedisPools,
    keys: Keys,
    readers: Readers,
    claims: Claims,
    groups_made: AtomicBool,
}

/// The names that every command needs.
struct Keys {
    login: String,
    alert: String,
    /// Unique for each start of a process: a name that came back would inherit what its predecessor held.
    consumer: String,
}

impl Keys {
    fn of(&self, priority: Priority) -> &str {
        match priority {
            Priority::Login => &self.login,
            Priority::Alert => &self.alert,
        }
    }
}

impl RedisQueue {
    /// Makes the queue of this process. Does not connect.
    pub fn new(pools: RedisPools, options: QueueOptions) -> Self {
        let keys = Keys {
            login: stream_key(&options.namespace, Priority::Login),
            alert: stream_key(&options.namespace, Priority::Alert),
            consumer: Uuid::new_v4().to_string(),
        };
        let readers = Readers::new(pools.clone());
        Self { pools, keys, readers, claims: Claims::new(options.lease), groups_made: AtomicBool::new(false) }
    }

    /// The name of the stream of `priority`, for operators and tests.
    pub fn stream(&self, priority: Priority) -> &str {
        self.keys.of(priority)
    }

    /// Makes streams and groups that are missing. A group begins at id 0: what was pushed before it is delivered.
    async fn make_groups(&self) -> Result<(), QueueError> {
        let mut connection = self.pools.get().await?;
        for priority in Priority::ALL {
            let mut create = cmd("XGROUP");
            create.arg("CREATE").arg(self.keys.of(priority)).arg(GROUP).arg("0").arg("MKSTREAM");
            match create.query_async(&mut connection).await {
                Ok(()) => tracing::info!(stream = self.keys.of(priority), "made the consumer group"),
                Err(e) if e.code() == Some("BUSYGROUP") => {}
                Err(e) => return Err(e.into()),
            }
            claim::forget_consumers(&mut connection, self.keys.of(priority)).await?;
        }
        Ok(())
    }

    /// Takes after making sure of the groups.
    async fn begin(&self, max: usize, wait: Duration) -> Result<Vec<Taken>, QueueError> {
        self.make_groups().await?;
        self.groups_made.store(true, Ordering::Relaxed);
        self.take_once(max, wait).await
    }

    /// One attempt to take. A connection that failed is dropped; what it handed out before is not.
    async fn take_once(&self, max: usize, wait: Duration) -> Result<Vec<Taken>, QueueError> {
        let deadline = Instant::now() + wait;
        loop {
            let mut reader = self.readers.open().await?;
            let mut taken = Vec::new();
            match self.take_round(&mut reader, max, deadline, &mut taken).await {
                Ok(()) => self.readers.close(reader),
                Err(e) if taken.is_empty() => return Err(e),
                Err(e) => tracing::warn!(error = %e, taken = taken.len(), "a take failed halfway"),
            }
            if !taken.is_empty() || Instant::now() >= deadline {
                return Ok(taken);
            }
        }
    }

    /// First without waiting, claimed entries before new ones in each priority; then, with nothing in hand, waiting.
    async fn take_round(
        &self,
        reader: &mut Reader,
        max: usize,
        deadline: Instant,
        taken: &mut Vec<Taken>,
    ) -> Result<(), QueueError> {
        let claim_due = self.claims.due();
        for priority in Priority::ALL {
            if claim_due {
                taken.extend(self.claims.claim(reader, &self.keys, priority, max - taken.len()).await?);
            }
            taken.extend(reader.read(&self.keys, &[priority], max - taken.len(), None).await?);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if taken.is_empty() && !left.is_zero() {
            let block = left.min(self.claims.pause());
            // The count holds for each of the two streams.
            let share = (max / 2).max(1);
            taken.extend(reader.read(&self.keys, &Priority::ALL, share, Some(block)).await?);
        }
        Ok(())
    }
}

/// The stream or its group is gone: Redis was wiped, or is new.
fn group_is_gone(error: &QueueError) -> bool {
    let QueueError::Unavailable(crate::redis::RedisFailure::Command(error)) = error else { return false };
    code_is_gone(error)
}

fn code_is_gone(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED"))
}

#[async_trait]
impl Queue for RedisQueue {
    async fn push(&self, priority: Priority, tasks: &[Task]) -> Result<(), QueueError> {
        if tasks.is_empty() {
            return Ok(());
        }
        let mut adds = pipe();
        for payload in encode(tasks)? {
            let add = adds.cmd("XADD").arg(self.keys.of(priority)).arg("MAXLEN").arg("~").arg(CAPACITY);
            add.arg("*").arg(FIELD).arg(payload).ignore();
        }
        let () = adds.query_async(&mut self.pools.get().await?).await?;
        Ok(())
    }

    async fn take(&self, max: usize, wait: Duration) -> Result<Vec<Taken>, QueueError> {
        self.readers.pause_after_failures().await;
        let mut taken = match self.groups_made.load(Ordering::Relaxed) {
            true => self.take_once(max, wait).await,
            false => self.begin(max, wait).await,
        };
        if taken.as_ref().is_err_and(group_is_gone) {
            taken = self.begin(max, wait).await;
        }
        self.readers.note(taken.is_ok());
        let taken = taken?;
        let malformed = quarantined(&taken);
        if let Err(e) = self.done(&malformed).await {
            tracing::warn!(error = %e, "malformed entries stay in the queue for now");
        }
        Ok(taken)
    }

    async fn done(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let mut removals = pipe();
        // Together, or an acknowledged entry would stay behind and count as waiting.
        removals.atomic();
        for priority in Priority::ALL {
            let ids: Vec<_> = receipts.iter().filter(|r| r.priority == priority).map(|r| &r.id).collect();
            if !ids.is_empty() {
                removals.cmd("XACK").arg(self.keys.of(priority)).arg(GROUP).arg(&ids).ignore();
                removals.cmd("XDEL").arg(self.keys.of(priority)).arg(&ids).ignore();
            }
        }
        let () = removals.query_async(&mut self.pools.get().await?).await?;
        Ok(())
    }

    async fn depth(&self) -> Result<Vec<StreamDepth>, QueueError> {
        let mut depths = Vec::new();
        for priority in Priority::ALL {
            depths
                .push(depth::measure(&mut self.pools.get().await?, self.keys.of(priority), priority).await?);
        }
        Ok(depths)
    }
}
