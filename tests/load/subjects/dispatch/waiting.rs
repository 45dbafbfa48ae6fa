//! What a million alerts cost while they wait for their gateway.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_infra::clock::Clock;
use mashang_infra::queue::{Priority, Queue, QueueOptions, RedisQueue, Task};
use mashang_infra::redis::RedisPools;
use mashang_tests::place::Form;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::json;
use uuid::Uuid;

use super::provider::Provider;
use super::redis_pools;
use super::sending::{ONE_MESSAGE, alert, gateway, one};
use crate::context::{Ctx, progress};
use crate::cpu;
use crate::product::{Product, Wanted};
use crate::servers::connect;
use crate::staff;

/// Alerts that wait.
const ALERTS: u32 = 1_000_000;
/// So many wait for comparison.
const FEW: u32 = 10_000;
/// Deliveries of one task: `notifier.batch`.
const CHUNK: usize = 256;
/// People of the alert whose deliveries are copied until there are enough.
const PEOPLE: u32 = 1_000;
/// From the start of a notifier until its memory is read.
const AT_WORK: Duration = Duration::from_secs(10);
/// Of the product's database and corner of Redis.
const NAME: &str = "waiting";
/// Longest wait for the fan-out.
const PATIENCE: Duration = Duration::from_secs(30);

/// Megabytes that they take in Redis, in tasks as the fan-out makes them.
pub async fn in_redis(ctx: &Ctx) -> anyhow::Result<f64> {
    let pools = redis_pools(ctx)?;
    let queue = queue(&pools, format!("waiting-{}", Uuid::new_v4().simple()));
    let before = used_memory(&pools).await?;
    let ids: Vec<Uuid> = (0..ALERTS).map(|_| Uuid::now_v7()).collect();
    push(&queue, &ids).await?;
    let bytes = used_memory(&pools).await? - before;
    redis::cmd("DEL").arg(queue.stream(Priority::Alert)).query_async::<()>(&mut pools.get().await?).await?;
    Ok(bytes / 1e6)
}

/// Megabytes of resident memory that a notifier at work has more than one with an empty queue.
pub struct Growth {
    /// When [`FEW`] wait: what work takes, however long the queue.
    pub few: f64,
    /// When [`ALERTS`] do.
    pub all: f64,
}

/// How a notifier grows while alerts wait in its queue, for a gateway that takes one a second.
pub async fn in_notifier(ctx: &Ctx, provider: &Provider) -> anyhow::Result<Growth> {
    let sections = gateway(provider, 1, 1);
    let wanted = Wanted {
        form: Form::Service,
        name: NAME,
        sections: &sections,
        changes: &ONE_MESSAGE,
        notifier: true,
    };
    let mut product = Product::start(&ctx.servers, &wanted).await?;
    let empty = at_work(&product).await?;
    let db = connect(&product.database_url, 2).await?;
    fan_out(&product, &db).await?;
    let few = with_waiting(ctx, &mut product, &db, FEW).await?;
    let all = with_waiting(ctx, &mut product, &db, ALERTS).await?;
    progress(format!("dispatch: the notifier has {empty:.1} MB; {few:.1}, {all:.1} MB while alerts wait"));
    db.close().await?;
    product.stop(&ctx.servers).await?;
    Ok(Growth { few: few - empty, all: all - empty })
}

/// Resident megabytes of a notifier that was started when so many alerts waited.
async fn with_waiting(
    ctx: &Ctx,
    product: &mut Product,
    db: &DatabaseConnection,
    alerts: u32,
) -> anyhow::Result<f64> {
    product.stop_notifier()?;
    let ids = copies(db, alerts).await?;
    ensure!(ids.len() == alerts as usize, "{} deliveries wait", ids.len());
    let pools = redis_pools(ctx)?;
    let queue = queue(&pools, NAME.to_owned());
    redis::cmd("DEL").arg(queue.stream(Priority::Alert)).query_async::<()>(&mut pools.get().await?).await?;
    push(&queue, &ids).await?;
    ctx.servers.checkpoint().await?;
    product.start_notifier().await?;
    let resident = at_work(product).await?;
    let left = one(db, "SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending')").await?;
    ensure!(left >= i64::from(alerts) * 99 / 100, "only {left} deliveries waited");
    Ok(resident)
}

/// Resident megabytes of the notifier some time after its start.
async fn at_work(product: &Product) -> anyhow::Result<f64> {
    tokio::time::sleep(AT_WORK).await;
    Ok(cpu::resident_mb(product.notifier.as_ref().context("a notifier")?.id()))
}

/// An alert of the product's own making, until all its deliveries are written.
async fn fan_out(product: &Product, db: &DatabaseConnection) -> anyhow::Result<()> {
    let (id, hash) = alert(product, db, PEOPLE).await?;
    let approver = staff::signed_in(product, "approver").await?;
    approver.post(&format!("/alerts/{id}/approval"), json!({ "trace_sha256": hash })).await.ok(200);
    let begun = Instant::now();
    while one(db, "SELECT count(*) FROM delivery").await? < i64::from(PEOPLE) {
        ensure!(begun.elapsed() < PATIENCE, "the fan-out does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Copies of the deliveries in place of them until there are so many, due and marked as queued. Their ids, as they were
/// written.
async fn copies(db: &DatabaseConnection, alerts: u32) -> anyhow::Result<Vec<Uuid>> {
    const COPY: &str = "INSERT INTO delivery (id, alert_id, notice_id, person_id, level, rung, rung_kind, channel, \
        template_key, variables, urgent, drill, state, due_at, expires_at, lease_until, created_at) \
        SELECT gen_random_uuid(), alert_id, gen_random_uuid(), person_id, level, rung, rung_kind, channel, \
        template_key, variables, urgent, drill, 'pending', $1, expires_at, $2, $1 \
        FROM delivery CROSS JOIN generate_series(1, $3::int8)";
    let originals = one(db, "SELECT count(*) FROM delivery").await?;
    let now: Timestamp = Clock::system().now();
    let values =
        [now.millis().into(), (now + MINUTE).millis().into(), (i64::from(alerts) / originals).into()];
    db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, COPY, values)).await?;
    db.execute_unprepared(&format!("DELETE FROM delivery WHERE created_at < {}", now.millis())).await?;
    db.execute_unprepared("ANALYZE delivery").await?;
    let rows =
        db.query_all_raw(Statement::from_string(DbBackend::Postgres, "SELECT id FROM delivery")).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

fn queue(pools: &RedisPools, namespace: String) -> RedisQueue {
    RedisQueue::new(pools.clone(), QueueOptions { namespace, ..QueueOptions::default() })
}

/// Queues these deliveries in tasks as the fan-out makes them.
async fn push(queue: &RedisQueue, ids: &[Uuid]) -> anyhow::Result<()> {
    let tasks: Vec<Task> = ids.chunks(CHUNK).map(|ids| Task::Send { deliveries: ids.to_vec() }).collect();
    for some in tasks.chunks(100) {
        queue.push(Priority::Alert, some).await?;
    }
    Ok(())
}

/// Bytes.
async fn used_memory(pools: &RedisPools) -> anyhow::Result<f64> {
    let info: String = redis::cmd("INFO").arg("memory").query_async(&mut pools.get().await?).await?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).context("used_memory")?;
    Ok(used.trim().parse()?)
}
