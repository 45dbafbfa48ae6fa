//! Connections to Redis, and caches that tell each other what changed.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use mashang_domain::time::SECOND;
use mashang_infra::cache::{Cache, Caches};
use mashang_infra::clock::Clock;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::redis::{Persistence, RedisFailure, RedisOptions, RedisPools};
use support::{TestRedis, eventually};
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn the_self_check_learns_how_redis_is_set_up() {
    let Some(mut redis) = TestRedis::private() else { return };
    redis.up().await;
    let pools = redis.pools();
    assert!(pools.ping().await.unwrap() < Duration::from_secs(1));
    assert_eq!(pools.max_memory_policy().await.unwrap(), "noeviction");
    assert_eq!(pools.persistence().await.unwrap(), Persistence::Off);
    assert!((pools.server_time().await.unwrap() - Clock::system().now()).abs() < 2 * SECOND);

    let mut connection = pools.get().await.unwrap();
    for (key, value, then) in
        [("save", "60 1", Persistence::Snapshots), ("appendonly", "yes", Persistence::AppendOnly)]
    {
        let () =
            redis::cmd("CONFIG").arg("SET").arg(key).arg(value).query_async(&mut connection).await.unwrap();
        assert_eq!(pools.persistence().await.unwrap(), then);
    }
}

#[tokio::test]
async fn an_exhausted_pool_gives_up_in_time() {
    let Some(redis) = TestRedis::start().await else { return };
    let wait = Duration::from_millis(100);
    let options = RedisOptions { pool_size: 1, wait_timeout: wait, ..RedisOptions::default() };
    let pools = RedisPools::connect(&redis.url, options).unwrap();
    let _held = pools.get().await.unwrap();
    let begun = Instant::now();
    assert!(matches!(pools.get().await, Err(RedisFailure::Pool(_))));
    assert!(begun.elapsed() >= wait && begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_redis_that_hangs_is_given_up_in_time() {
    let Some(mut redis) = TestRedis::private() else { return };
    redis.up().await;
    let limit = Duration::from_millis(200);
    let options = RedisOptions { pool_size: 8, response_timeout: limit, ..RedisOptions::default() };
    let pools = RedisPools::connect(&redis.url, options).unwrap();
    let held = futures_util::future::join_all((0..8).map(|_| pools.get())).await;
    drop(held);
    let mut connection = pools.get().await.unwrap();
    redis.signal("STOP");
    let begun = Instant::now();
    let answer: Result<(), _> = redis::cmd("PING").query_async(&mut connection).await;
    assert!(answer.is_err_and(|e| e.is_timeout()) && begun.elapsed() < limit * 5);
    drop(connection);
    let begun = Instant::now();
    assert!(pools.ping().await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    redis.signal("CONT");
    eventually("Redis answers again", async || pools.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_blocking_connection_outlasts_the_time_out_of_commands() {
    let Some(redis) = TestRedis::start().await else { return };
    let options = RedisOptions { response_timeout: Duration::from_millis(100), ..RedisOptions::default() };
    let pools = RedisPools::connect(&redis.url, options).unwrap();
    let mut connection = pools.blocking(Duration::from_millis(700)).await.unwrap();
    let mut wait = redis::cmd("BLPOP");
    wait.arg(format!("{}:nothing", redis.namespace)).arg(0.7);
    let nothing: Option<(String, String)> = wait.query_async(&mut connection).await.unwrap();
    assert_eq!(nothing, None);
}

#[tokio::test]
async fn an_address_is_checked_and_never_repeated() {
    for url in ["", "http://localhost:6379", "redis://user:secret@[bad"] {
        let failure = RedisPools::connect(url, RedisOptions::default()).err().unwrap();
        assert!(matches!(failure, RedisFailure::Address) && !failure.to_string().contains("secret"));
    }
    let nowhere = RedisPools::connect("redis://:secret@127.0.0.1:1", RedisOptions::default()).unwrap();
    let begun = Instant::now();
    let failure = nowhere.ping().await.unwrap_err();
    assert!(!format!("{failure} {failure:?}").contains("secret") && begun.elapsed() < Duration::from_secs(3));
}

/// A process with a cache of colours that listens to the others.
struct Process {
    caches: Caches,
    colours: Cache<u8>,
    life: Lifecycle,
}

impl Process {
    fn start(redis: &TestRedis, time_to_live: Duration) -> Self {
        let caches = Caches::over(redis.pools(), &redis.namespace);
        let colours = caches.cache("colour", 100, time_to_live);
        let life = Lifecycle::new();
        tokio::spawn(caches.clone().listen(life.clone()));
        Self { caches, colours, life }
    }

    async fn load(&self, id: Uuid, value: u8) -> u8 {
        let Ok(value) = self.colours.get_or_load(id, async { Ok::<_, Infallible>(value) }).await;
        value
    }

    /// Waits until announcements of `other` arrive here.
    async fn hears(&self, other: &Process) {
        let probe = Uuid::new_v4();
        eventually("an announcement arrives", async || {
            self.load(probe, 0).await;
            other.caches.invalidate("colour", probe).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.colours.get(probe).is_none()
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.life.stop();
    }
}

#[tokio::test]
async fn a_change_in_one_process_reaches_the_other() {
    let Some(redis) = TestRedis::start().await else { return };
    let (one, two) = (Process::start(&redis, LONG), Process::start(&redis, LONG));
    two.hears(&one).await;
    let (changed, other) = (Uuid::new_v4(), Uuid::new_v4());
    for process in [&one, &two] {
        process.load(changed, 1).await;
        process.load(other, 1).await;
    }
    one.caches.invalidate("colour", changed).await;
    assert_eq!(one.colours.get(changed), None, "at once where it was said");
    eventually("the other drops it", async || two.colours.get(changed).is_none()).await;
    assert_eq!(two.load(changed, 2).await, 2);
    assert_eq!(two.colours.get(other), Some(1), "and nothing else");

    redis.wipe().await;
    one.caches.invalidate("colour", other).await;
    eventually("a wiped Redis changes nothing", async || two.colours.get(other).is_none()).await;
}

#[tokio::test]
async fn a_process_that_was_cut_off_drops_everything() {
    let Some(mut redis) = TestRedis::private() else { return };
    redis.up().await;
    let (one, two) = (Process::start(&redis, LONG), Process::start(&redis, LONG));
    two.hears(&one).await;
    let id = Uuid::new_v4();
    two.load(id, 1).await;
    redis.down();
    one.caches.invalidate("colour", id).await;
    assert_eq!(two.colours.get(id), Some(1), "nobody could tell");
    redis.up().await;
    eventually("everything is dropped on the way back", async || two.colours.get(id).is_none()).await;
    two.hears(&one).await;
}

#[tokio::test]
async fn without_redis_values_expire() {
    let Some(redis) = TestRedis::private() else { return };
    let process = Process::start(&redis, Duration::from_millis(100));
    let id = Uuid::new_v4();
    assert_eq!((process.load(id, 1).await, process.load(id, 2).await), (1, 1));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(process.load(id, 2).await, 2);
}
