//! What a million alerts cost while they wait for their gateway.

use anyhow::Context;
use mashang_infra::queue::{Priority, Queue, QueueOptions, RedisQueue, Task};
use mashang_infra::redis::RedisPools;
use uuid::Uuid;

use super::redis_pools;
use crate::context::Ctx;

/// Alerts that wait.
const ALERTS: usize = 1_000_000;
/// Deliveries of one task: `notifier.batch`.
const CHUNK: usize = 256;

/// Megabytes that they take in Redis, in tasks as the fan-out makes them.
pub async fn in_redis(ctx: &Ctx) -> anyhow::Result<f64> {
    let namespace = format!("waiting-{}", Uuid::new_v4().simple());
    let pools = redis_pools(ctx)?;
    let queue = RedisQueue::new(pools.clone(), QueueOptions { namespace, ..QueueOptions::default() });
    let before = used_memory(&pools).await?;
    let tasks: Vec<Task> = (0..ALERTS / CHUNK)
        .map(|_| Task::Send { deliveries: (0..CHUNK).map(|_| Uuid::now_v7()).collect() })
        .collect();
    for some in tasks.chunks(100) {
        queue.push(Priority::Alert, some).await?;
    }
    let bytes = used_memory(&pools).await? - before;
    redis::cmd("DEL").arg(queue.stream(Priority::Alert)).query_async::<()>(&mut pools.get().await?).await?;
    Ok(bytes / 1e6)
}

/// Bytes.
async fn used_memory(pools: &RedisPools) -> anyhow::Result<f64> {
    let info: String = redis::cmd("INFO").arg("memory").query_async(&mut pools.get().await?).await?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).context("used_memory")?;
    Ok(used.trim().parse()?)
}
