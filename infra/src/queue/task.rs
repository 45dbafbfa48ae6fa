//! What stands in the queue: tasks that hold ids, and what they look like when they are handed out.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MALFORMED_AFTER, QueueError};
use crate::bugs::{self, Bug};

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
    pub(super) priority: Priority,
    pub(super) id: String,
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

pub(super) fn encode(tasks: &[Task]) -> Result<Vec<String>, QueueError> {
    Ok(tasks.iter().map(serde_json::to_string).collect::<Result<_, _>>()?)
}

/// Reads a payload; what cannot be read is counted, with its first delivery only.
pub(super) fn decode(id: &str, payload: Option<&str>, deliveries_count: u32) -> Result<Task, Malformed> {
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
pub(super) fn quarantined(taken: &[Taken]) -> Vec<Receipt> {
    if bugs::has(Bug::AckOnTake) {
        return taken.iter().map(|entry| entry.receipt.clone()).collect();
    }
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
