//! Wakes the notifier up. The database is the truth; the queue only says that there is something to do.
//!
//! A [`Task`] holds ids, and whoever takes one reads the rows again. Losing the queue therefore costs delay (until the
//! sweep finds what is due), and a task that comes twice costs a look-up. A task that is taken and not reported
//! [`done`](Queue::done) within the lease comes back. Two forms pass one suite of tests: Redis streams between
//! processes, and an in-process queue.

mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::memory::MemoryQueue;
pub use self::redis::RedisQueue;
use crate::redis::{RedisFailure, RedisPools};

/// Entries that cannot be read are taken away after this many deliveries. Until then they may be for a newer version
/// of ours that runs beside this one.
pub const MALFORMED_AFTER: u32 = 5;

/// Entries a priority holds at most. Older ones make room: the sweep finds again what they stood for.
pub const CAPACITY: usize = 100_000;

/// Something to do. Ids only, never personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Send these deliveries.
    Send { deliveries: Vec<Uuid> },
    /// Make the deliveries of this alert.
    FanOut { alert: Uuid },
}

/// Which stream a task waits in. Logins are always taken first: a person waits in front of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Login,
    Alert,
}

impl Priority {
    /// In the order of taking.
    pub const ALL: [Priority; 2] = [Priority::Login, Priority::Alert];

    /// The word in key names and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Priority::Login => "login",
            Priority::Alert => "alert",
        }
    }
}

/// Names a delivered entry, to report it done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt {
    priority: Priority,
    id: String,
}

/// An entry that is no task of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {id} is no task: {reason}")]
pub struct Malformed {
    pub id: String,
    pub reason: String,
}

/// A task, handed to one taker for the time of the lease.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The task. A malformed entry needs no answer: the queue counts it and takes it away after
    /// [`MALFORMED_AFTER`] deliveries.
    pub task: Result<Task, Malformed>,
    pub receipt: Receipt,
    pub priority: Priority,
    /// How often it has been delivered, this time included. A high number means that its takers die of it.
    pub deliveries_count: u32,
}

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

fn encode(tasks: &[Task]) -> Result<Vec<String>, QueueError> {
    Ok(tasks.iter().map(serde_json::to_string).collect::<Result<_, _>>()?)
}

/// Reads a payload; what cannot be read is counted, with its first delivery only.
fn decode(id: &str, payload: Option<&str>, deliveries_count: u32) -> Result<Task, Malformed> {
    let parsed = match payload {
        Some(text) => serde_json::from_str(text).map_err(|e| e.to_string()),
        None => Err("it has no payload".to_owned()),
    };
    parsed.map_err(|reason| {
        if deliveries_count == 1 {
            metrics::counter!("mashang_queue_malformed_total").increment(1);
        }
        Malformed { id: id.to_owned(), reason }
    })
}

/// The malformed entries that have been delivered often enough to be taken away, counted and logged.
fn quarantined(taken: &[Taken]) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for entry in taken {
        if let Err(malformed) = &entry.task
            && entry.deliveries_count >= MALFORMED_AFTER
        {
            tracing::error!(
                id = malformed.id,
                reason = malformed.reason,
                "took a malformed entry out of the queue"
            );
            metrics::counter!("mashang_queue_quarantined_total").increment(1);
            receipts.push(entry.receipt.clone());
        }
    }
    receipts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_tagged_json_with_ids() {
        let id = Uuid::from_u128(7);
        let texts =
            encode(&[Task::Send { deliveries: vec![id] }, Task::FanOut { alert: id }]).expect("encodes");
        let id = "00000000-0000-0000-0000-000000000007";
        let send = format!(r#"{{"task":"send","deliveries":["{id}"]}}"#);
        assert_eq!(texts, [send, format!(r#"{{"task":"fan_out","alert":"{id}"}}"#)]);
    }

    #[test]
    fn what_is_no_task_says_why() {
        for payload in
            [None, Some("{"), Some(r#"{"task":"dance"}"#), Some(r#"{"task":"fan_out","alert":"7"}"#)]
        {
            let malformed = decode("9-0", payload, 1).expect_err("no task");
            assert!(malformed.id == "9-0" && !malformed.reason.is_empty());
        }
    }
}
