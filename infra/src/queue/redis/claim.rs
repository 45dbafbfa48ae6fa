//! Taking back what was delivered and never reported done.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::aio::ConnectionLike;
use ::redis::streams::{StreamAutoClaimOptions, StreamAutoClaimReply, StreamInfoConsumersReply};
use ::redis::{AsyncCommands, Value, pipe};
use tokio::time::Instant;

use super::reader::{Reader, delivered};
use super::{CONSUMER_FORGOTTEN_AFTER, GROUP, Keys};
use crate::queue::{Priority, QueueError, Taken};

/// A busy consumer claims with every so many takes, an idle one several times a lease.
const EVERY: u32 = 16;
const PER_LEASE: u32 = 4;

/// The cursor of a claim that begins, and of one that has come to the end.
const BEGIN: &str = "0-0";

/// Where claiming stands.
pub(super) struct Claims {
    lease: Duration,
    state: Mutex<State>,
}

struct State {
    takes: u32,
    last: Option<Instant>,
    /// Where in the list of pending entries the next claim goes on, for each priority.
    cursors: [String; 2],
}

impl Claims {
    pub(super) fn new(lease: Duration) -> Self {
        let state = State { takes: 0, last: None, cursors: [BEGIN.to_owned(), BEGIN.to_owned()] };
        Self { lease, state: Mutex::new(state) }
    }

    /// How long a take may block before it is time to claim again.
    pub(super) fn pause(&self) -> Duration {
        self.lease / PER_LEASE
    }

    /// Counts a take and says whether it is to claim: the first, every 16th, and when the last claim is old.
    pub(super) fn due(&self) -> bool {
        let mut state = self.state();
        state.takes += 1;
        let old = state.last.is_none_or(|at| at.elapsed() >= self.pause());
        if !old && state.takes < EVERY {
            return false;
        }
        state.takes = 0;
        state.last = Some(Instant::now());
        true
    }

    /// Claims up to `max` entries whose lease has ended.
    pub(super) async fn claim(
        &self,
        reader: &mut Reader,
        keys: &Keys,
        priority: Priority,
        max: usize,
    ) -> Result<Vec<Taken>, QueueError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let key = keys.of(priority);
        let begin = self.state().cursors[priority as usize].clone();
        let idle = usize::try_from(self.lease.as_millis()).unwrap_or(usize::MAX);
        let options = StreamAutoClaimOptions::default().count(max);
        let connection = &mut reader.0;
        let reply: StreamAutoClaimReply =
            connection.xautoclaim_options(key, GROUP, &keys.consumer, idle, begin, options).await?;
        self.go_on_at(priority, reply.next_stream_id);
        let ids: Vec<&str> = reply.claimed.iter().map(|entry| entry.id.as_str()).collect();
        let counts = delivery_counts(connection, key, &ids).await?;
        Ok(reply.claimed.into_iter().zip(counts).map(|(entry, n)| delivered(priority, entry, n)).collect())
    }

    /// Remembers where to go on. Short of the end there may be more, and the next take claims again.
    fn go_on_at(&self, priority: Priority, cursor: String) {
        let mut state = self.state();
        if cursor != BEGIN {
            state.last = None;
        }
        state.cursors[priority as usize] = cursor;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often each of the pending `ids` has been delivered. `XAUTOCLAIM` counts but does not say.
async fn delivery_counts(
    connection: &mut impl ConnectionLike,
    key: &str,
    ids: &[&str],
) -> Result<Vec<u32>, QueueError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut asks = pipe();
    for id in ids {
        asks.cmd("XPENDING").arg(key).arg(GROUP).arg(id).arg(id).arg(1);
    }
    let answers: Vec<Vec<(String, String, Value, u32)>> = asks.query_async(connection).await?;
    // An entry that is gone in the meantime was delivered twice at least.
    Ok(answers.iter().map(|rows| rows.first().map_or(2, |row| row.3)).collect())
}

/// Removes the consumers of processes that ended long ago; every start adds one.
pub(super) async fn forget_consumers(
    connection: &mut impl AsyncCommands,
    key: &str,
) -> Result<(), QueueError> {
    let reply: StreamInfoConsumersReply = connection.xinfo_consumers(key, GROUP).await?;
    for consumer in reply.consumers {
        let idle = u64::try_from(consumer.idle).unwrap_or(u64::MAX);
        if consumer.pending == 0 && idle > CONSUMER_FORGOTTEN_AFTER {
            let _: usize = connection.xgroup_delconsumer(key, GROUP, consumer.name).await?;
        }
    }
    Ok(())
}
