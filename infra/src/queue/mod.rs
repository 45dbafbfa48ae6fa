//! Wakes the notifier up. The database is the truth; the queue only says that there is something to do.
//!
//! A [`Task`] holds ids, and whoever takes one reads the rows again. Losing the queue therefore costs delay (until the
//! sweep finds what is due), and a task that comes twice costs a look-up. A task that is taken and not reported
//! [`done`](Queue::done) within the lease comes back. Two forms pass one suite of tests: Redis streams between
//! processes, and an in-process queue.

mod memory;
mod redis;
mod task;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::memory::MemoryQueue;
pub use self::redis::RedisQueue;
pub use self::task::{Malformed, Priority, Receipt, Taken, Task};
use crate::redis::{RedisFailure, RedisPools};

/// Entries that cannot be read are taken away after this many deliveries. Until then they may be for a newer version
/// of ours that runs beside this one.
pub const MALFORMED_AFTER: u32 = 5;

/// Entries a priority holds at most. Older ones make room: the sweep finds again what they stood for.
pub const CAPACITY: usize = 100_000;

/// How full one priority is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamDepth {
    pub priority: Priority,
    /// Entries nobody has taken.
    pub waiting: usize,
    /// Entries that are taken and not done.
    pub pending: usize,
    /// Age in milliseconds of the oldest entry that is not done.
    pub oldest_ms: Option<u64>,
    /// Milliseconds since the longest held of the taken entries was handed out; `None` when none is taken.
    pub held_ms: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the queue is out of reach: {0}")]
    Unavailable(#[from] RedisFailure),
    #[error("the task cannot be written: {0}")]
    Encode(#[from] serde_json::Error),
}

impl From<::redis::RedisError> for QueueError {
    fn from(error: ::redis::RedisError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Settings of both forms.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// How long a taker may keep a task before it comes back. Longer than the slowest honest piece of work.
    pub lease: Duration,
    /// First part of the key names, so that several installations can share a server.
    pub namespace: String,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { lease: Duration::from_secs(60), namespace: "mashang".to_owned() }
    }
}

#[async_trait]
pub trait Queue: Send + Sync {
    /// Adds `tasks` at the end.
    ///
    /// # Errors
    /// When the queue is out of reach; some or all tasks may be in it all the same.
    async fn push(&self, priority: Priority, tasks: &[Task]) -> Result<(), QueueError>;

    /// Takes up to `max` tasks, logins first, then the longest waiting. Waits for up to `wait` when there is none. May be
    /// dropped while it waits. Redis may answer a `max` of one with two: one of each priority.
    ///
    /// # Errors
    /// When the queue is out of reach. A take after a failed one waits for a moment first, so a loop need not.
    async fn take(&self, max: usize, wait: Duration) -> Result<Vec<Taken>, QueueError>;

    /// Removes what has been worked through. What is no longer there is ignored.
    ///
    /// # Errors
    /// When the queue is out of reach; the tasks come back after their lease, harmlessly.
    async fn done(&self, receipts: &[Receipt]) -> Result<(), QueueError>;

    /// How full the queue is, logins first.
    ///
    /// # Errors
    /// When the queue is out of reach.
    async fn depth(&self) -> Result<Vec<StreamDepth>, QueueError>;
}

/// The queue of an installation: Redis streams when there is a Redis, in-process otherwise.
pub fn open(redis: Option<RedisPools>, options: QueueOptions) -> Arc<dyn Queue> {
    match redis {
        Some(pools) => Arc::new(RedisQueue::new(pools, options)),
        None => Arc::new(MemoryQueue::new(options)),
    }
}
