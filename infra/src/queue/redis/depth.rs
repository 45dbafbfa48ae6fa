//! How full a stream is.

use ::redis::streams::{StreamPendingCountReply, StreamPendingReply, StreamRangeReply};
use ::redis::{AsyncCommands, pipe};

use super::{GROUP, code_is_gone};
use crate::queue::{Priority, QueueError, StreamDepth};

/// Taken entries that are looked at for the one that is held longest, oldest first.
const LOOKED_AT: usize = 100;

/// Counts the entries of the stream `key`. What is done is deleted, so all that is not pending waits.
pub(super) async fn measure(
    connection: &mut impl AsyncCommands,
    key: &str,
    priority: Priority,
) -> Result<StreamDepth, QueueError> {
    let mut ask = pipe();
    ask.cmd("XLEN").arg(key).cmd("XRANGE").arg(key).arg("-").arg("+").arg("COUNT").arg(1).cmd("TIME");
    let (length, oldest, (secs, micros)): (usize, StreamRangeReply, (u64, u64)) =
        ask.query_async(connection).await?;
    let pending = match connection.xpending(key, GROUP).await {
        Ok(reply) => StreamPendingReply::count(&reply),
        Err(e) if code_is_gone(&e) => 0,
        Err(e) => return Err(e.into()),
    };
    let held_ms = match pending {
        0 => None,
        _ => longest_held(connection, key).await?,
    };
    let now_ms = secs * 1_000 + micros / 1_000;
    // The first part of an id is the time of its push.
    let pushed_ms = oldest.ids.first().and_then(|entry| entry.id.split('-').next()?.parse::<u64>().ok());
    Ok(StreamDepth {
        priority,
        waiting: length.saturating_sub(pending),
        pending,
        oldest_ms: pushed_ms.map(|at| now_ms.saturating_sub(at)),
        held_ms,
    })
}

/// How long ago the longest held of the oldest taken entries was handed out, in milliseconds.
async fn longest_held(connection: &mut impl AsyncCommands, key: &str) -> Result<Option<u64>, QueueError> {
    match connection.xpending_count(key, GROUP, "-", "+", LOOKED_AT).await {
        Ok(reply) => {
            let StreamPendingCountReply { ids } = reply;
            Ok(ids.into_iter().filter_map(|entry| u64::try_from(entry.last_delivered_ms).ok()).max())
        }
        Err(e) if code_is_gone(&e) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
