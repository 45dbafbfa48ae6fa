//! Removes our keys from Redis. Others may share the server, so only names with our prefix go.

use crate::redis::{RedisFailure, RedisPools};

const BATCH: usize = 1_000;

/// Deletes every key that begins with `prefix` or with `{prefix`; answers how many. Keys that others add while it
/// runs may be missed: requests and workers have stopped by then.
pub(super) async fn delete_prefix(pools: &RedisPools, prefix: &str) -> Result<u64, RedisFailure> {
    let plain = escaped(prefix);
    let mut deleted = 0;
    for pattern in [format!("{plain}*"), format!("{{{plain}*")] {
        deleted += delete_matching(pools, &pattern).await?;
    }
    Ok(deleted)
}

async fn delete_matching(pools: &RedisPools, pattern: &str) -> Result<u64, RedisFailure> {
    let (mut cursor, mut deleted) = (0u64, 0);
    loop {
        let mut connection = pools.get().await?;
        let mut scan = ::redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(BATCH);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
        for key in keys {
            // One by one: on a cluster keys of one command must share a slot.
            deleted += ::redis::cmd("UNLINK").arg(key).query_async::<u64>(&mut connection).await?;
        }
        cursor = next;
        if cursor == 0 {
            return Ok(deleted);
        }
    }
}

/// The prefix with the signs that patterns give a meaning taken literally.
fn escaped(prefix: &str) -> String {
    prefix
        .chars()
        .flat_map(|c| matches!(c, '*' | '?' | '[' | ']' | '\\').then_some('\\').into_iter().chain([c]))
        .collect()
}
