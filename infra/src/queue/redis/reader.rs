//! Connections that wait in `XREADGROUP`, and the pause between attempts while Redis is away.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::streams::{StreamId, StreamReadOptions, StreamReadReply};
use ::redis::{AsyncCommands, from_redis_value};

use super::{FIELD, GROUP, Keys};
use crate::queue::task::decode;
use crate::queue::{Priority, QueueError, Receipt, Taken};
use crate::redis::{RedisFailure, RedisPools};

/// The longest a single read blocks. Longer waits are several reads, so that a dead connection is noticed.
pub(super) const LONGEST_BLOCK: Duration = Duration::from_secs(5);

/// Pauses after failures: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Reading connections that are free. Who takes one owns it until it is given back in good order.
pub(super) struct Readers {
    pools: RedisPools,
    free: Mutex<Vec<Reader>>,
    failures: AtomicU32,
}

impl Readers {
    pub(super) fn new(pools: RedisPools) -> Self {
        Self { pools, free: Mutex::default(), failures: AtomicU32::new(0) }
    }

    pub(super) async fn open(&self) -> Result<Reader, RedisFailure> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match free {
            Some(reader) => Ok(reader),
            None => Ok(Reader(self.pools.blocking(LONGEST_BLOCK).await?)),
        }
    }

    /// Takes back a connection whose last read has been answered.
    pub(super) fn close(&self, reader: Reader) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }

    pub(super) fn note(&self, succeeded: bool) {
        if succeeded {
            self.failures.store(0, Ordering::Relaxed);
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed);
            // The others are most likely as dead as the one that failed.
            self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    pub(super) async fn pause_after_failures(&self) {
        match self.failures.load(Ordering::Relaxed) {
            0 => {}
            failures => tokio::time::sleep(pause(failures)).await,
        }
    }
}

/// 50 ms, doubled with every further failure, a second at most.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

/// A connection that is nobody else's.
pub(super) struct Reader(pub(super) MultiplexedConnection);

impl Reader {
    /// Reads up to `max` new entries of each of `priorities`; waits for up to `block` when there are none.
    pub(super) async fn read(
        &mut self,
        keys: &Keys,
        priorities: &[Priority],
        max: usize,
        block: Option<Duration>,
    ) -> Result<Vec<Taken>, QueueError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let mut options = StreamReadOptions::default().group(GROUP, &keys.consumer).count(max);
        if let Some(block) = block {
            // Zero would mean for ever.
            let millis = block.min(LONGEST_BLOCK).as_millis().max(1);
            options = options.block(usize::try_from(millis).unwrap_or(1));
        }
        let streams: Vec<&str> = priorities.iter().map(|p| keys.of(*p)).collect();
        let new = vec![">"; streams.len()];
        let reply: Option<StreamReadReply> = self.0.xread_options(&streams, &new, &options).await?;
        let mut taken = Vec::new();
        for stream in reply.into_iter().flat_map(|r| r.keys) {
            let Some(priority) = priorities.iter().copied().find(|p| keys.of(*p) == stream.key) else {
                continue;
            };
            taken.extend(stream.ids.into_iter().map(|entry| delivered(priority, entry, 1)));
        }
        taken.sort_by_key(|t| t.priority);
        Ok(taken)
    }
}

/// An entry of a stream as it is handed out.
pub(super) fn delivered(priority: Priority, mut entry: StreamId, deliveries_count: u32) -> Taken {
    let payload = entry.map.remove(FIELD).and_then(|value| from_redis_value::<String>(value).ok());
    Taken {
        task: decode(&entry.id, payload.as_deref(), deliveries_count),
        receipt: Receipt { priority, id: entry.id },
        priority,
        deliveries_count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second() {
        let pauses = [1, 2, 3, 5, 6, u32::MAX].map(|failures| pause(failures).as_millis());
        assert_eq!(pauses, [50, 100, 200, 800, 1_000, 1_000]);
    }
}
