//! Sends alerts as tasks of apalis: every task one HTTP call to the provider, 64 at a time. Nothing is recorded.
//!
//! The time is that of the waves ([`WAVE`]) together, each from its first task to its last answer, when all of it is queued.
//! Environment: PEER_REDIS_SOCKET, PEER_PROVIDER (URL), PEER_JOBS. Prints {"seconds", "sent"} at the end.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_redis::{Client, Config, RedisStorage};
use redis::aio::ConnectionManagerConfig;
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

const AT_A_TIME: usize = 64;
/// Tasks that are queued before they are worked off. A worker of apalis-redis 1.0 takes all that are due into one call of a
/// Lua function, which fails from about 8,000 on ("too many results to unpack").
const WAVE: usize = 5_000;
const PUSHED_AT_ONCE: usize = 500;
/// Longest wait for an answer of Redis.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
struct Alert {
    delivery: u64,
}

type Storage = RedisStorage<Alert>;

/// What the tasks of one wave share.
struct Wave {
    client: reqwest::Client,
    provider: String,
    left: AtomicU64,
    begun: OnceLock<Instant>,
    ended: OnceLock<Instant>,
}

async fn send(alert: Alert, wave: Data<Arc<Wave>>, worker: WorkerContext) -> Result<(), BoxDynError> {
    wave.begun.get_or_init(Instant::now);
    let body = format!("PhoneNumbers=154{0:08}&TemplateCode=T_1&OutId={0}", alert.delivery);
    let request = wave.client.post(&wave.provider).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = request.header("x-acs-action", "SendSms").body(body).send().await?.error_for_status()?;
    answer.bytes().await?;
    if wave.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        wave.ended.get_or_init(Instant::now);
        worker.stop()?;
    }
    Ok(())
}

/// Queues so many tasks, numbered from `first`, then works them off. Seconds from the first task to the last answer.
async fn wave(
    mut storage: Storage,
    client: reqwest::Client,
    numbers: Range<u64>,
) -> Result<f64, BoxDynError> {
    let wave = Arc::new(Wave {
        client,
        provider: std::env::var("PEER_PROVIDER")?,
        left: AtomicU64::new(numbers.end - numbers.start),
        begun: OnceLock::new(),
        ended: OnceLock::new(),
    });
    let name = format!("peer-{}", numbers.start);
    for first in numbers.clone().step_by(PUSHED_AT_ONCE) {
        let some = first..numbers.end.min(first + PUSHED_AT_ONCE as u64);
        storage.push_bulk(some.map(|delivery| Alert { delivery }).collect()).await?;
    }
    let worker = WorkerBuilder::new(name)
        .backend(storage)
        .data(Arc::clone(&wave))
        .concurrency(AT_A_TIME)
        .parallelize(tokio::spawn)
        .build(send);
    worker.run().await?;
    let (begun, ended) = (wave.begun.get().ok_or("nothing begun")?, wave.ended.get().ok_or("not all sent")?);
    Ok(ended.duration_since(*begun).as_secs_f64())
}

#[tokio::main]
async fn main() -> Result<(), BoxDynError> {
    let jobs: u64 = std::env::var("PEER_JOBS")?.parse()?;
    let redis = format!("redis+unix://{}", std::env::var("PEER_REDIS_SOCKET")?);
    let config = Config::default().queue("peer").batch_size(AT_A_TIME);
    // Half a second by default, which a busy machine may take for one call.
    let patient = ConnectionManagerConfig::new().set_response_timeout(Some(PATIENCE));
    let connection = Client::open(redis)?.get_connection_manager_with_config(patient).await?;
    let storage = RedisStorage::new(connection).with_config(config);
    let client = reqwest::Client::builder().pool_max_idle_per_host(AT_A_TIME).build()?;
    let mut seconds = 0.0;
    for first in (0..jobs).step_by(WAVE) {
        let numbers = first..jobs.min(first + WAVE as u64);
        seconds += wave(storage.clone(), client.clone(), numbers).await?;
    }
    println!(r#"{{"seconds": {seconds}, "sent": {jobs}}}"#);
    Ok(())
}
