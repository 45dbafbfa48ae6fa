//! What every queue does, run over both forms, and what the one over Redis survives.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mashang_infra::queue::{
    MALFORMED_AFTER, MemoryQueue, Priority, Queue, QueueOptions, RedisQueue, StreamDepth, Taken, Task,
};
use support::{TestRedis, eventually};
use uuid::Uuid;

const NO_WAIT: Duration = Duration::ZERO;
const LEASE: Duration = Duration::from_millis(600);
/// Long enough for anything that is to come, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two consumers of one queue, and a way to put rubbish into it.
struct Bench {
    first: Arc<dyn Queue>,
    second: Arc<dyn Queue>,
    rubbish: Rubbish,
}

enum Rubbish {
    Memory(Arc<MemoryQueue>),
    Redis(TestRedis, Arc<RedisQueue>),
}

impl Bench {
    fn memory() -> Self {
        let queue = Arc::new(MemoryQueue::new(options("memory")));
        Self { first: queue.clone(), second: queue.clone(), rubbish: Rubbish::Memory(queue) }
    }

    async fn redis() -> Option<Self> {
        Some(Self::over(TestRedis::start().await?))
    }

    fn over(redis: TestRedis) -> Self {
        let queue = || Arc::new(RedisQueue::new(redis.pools(), options(&redis.namespace)));
        let (first, second) = (queue(), queue());
        Self { first: first.clone(), second, rubbish: Rubbish::Redis(redis, first) }
    }

    fn server(&mut self) -> &mut TestRedis {
        let Rubbish::Redis(redis, _) = &mut self.rubbish else { panic!("a test of Redis") };
        redis
    }

    async fn push_rubbish(&self, payload: &str) {
        match &self.rubbish {
            Rubbish::Memory(queue) => queue.push_raw(Priority::Alert, payload.to_owned()),
            Rubbish::Redis(_, _) => self.add_entry("task", payload.as_bytes()).await,
        }
    }

    async fn add_entry(&self, field: &str, value: &[u8]) {
        let Rubbish::Redis(redis, queue) = &self.rubbish else { panic!("a test of Redis") };
        let mut connection = redis.pools().get().await.unwrap();
        let mut add = ::redis::cmd("XADD");
        add.arg(queue.stream(Priority::Alert)).arg("*").arg(field).arg(value);
        let _: String = add.query_async(&mut connection).await.unwrap();
    }
}

fn options(namespace: &str) -> QueueOptions {
    QueueOptions { lease: LEASE, namespace: namespace.to_owned() }
}

fn task(n: u128) -> Task {
    Task::FanOut { alert: Uuid::from_u128(n) }
}

fn tasks(range: std::ops::Range<u128>) -> Vec<Task> {
    range.map(task).collect()
}

fn read(taken: &[Taken]) -> Vec<Task> {
    taken.iter().map(|t| t.task.clone().unwrap()).collect()
}

async fn finish(queue: &dyn Queue, taken: &[Taken]) {
    let receipts: Vec<_> = taken.iter().map(|t| t.receipt.clone()).collect();
    queue.done(&receipts).await.unwrap();
}

fn counts(depth: &[StreamDepth]) -> Vec<(usize, usize)> {
    depth.iter().map(|d| (d.waiting, d.pending)).collect()
}

/// Takes and finishes until nothing came for two leases.
async fn drain(queue: Arc<dyn Queue>) -> Vec<Task> {
    let mut all = Vec::new();
    loop {
        let taken = queue.take(7, LEASE * 2).await.unwrap();
        if taken.is_empty() {
            return all;
        }
        all.extend(read(&taken));
        finish(&*queue, &taken).await;
        // The queue in memory never waits for anything, and the other consumer wants its turn.
        tokio::task::yield_now().await;
    }
}

async fn tasks_come_in_the_order_they_were_pushed(bench: Bench) {
    let queue = bench.first;
    queue.push(Priority::Alert, &tasks(0..3)).await.unwrap();
    queue.push(Priority::Alert, &tasks(3..10)).await.unwrap();
    let mut all = Vec::new();
    for size in [4, 4, 2] {
        let taken = queue.take(4, PATIENCE).await.unwrap();
        assert_eq!(taken.len(), size);
        assert!(taken.iter().all(|t| t.priority == Priority::Alert && t.deliveries_count == 1));
        all.extend(read(&taken));
    }
    assert_eq!(all, tasks(0..10));
}

async fn every_kind_of_task_comes_as_it_was_pushed(bench: Bench) {
    let pushed = [task(1), Task::Send { deliveries: vec![Uuid::from_u128(2), Uuid::from_u128(3)] }];
    bench.first.push(Priority::Login, &pushed).await.unwrap();
    bench.first.push(Priority::Login, &[]).await.unwrap();
    assert_eq!(read(&bench.second.take(9, PATIENCE).await.unwrap()), pushed);
}

async fn logins_are_taken_first(bench: Bench) {
    let queue = bench.first;
    queue.push(Priority::Alert, &tasks(0..5)).await.unwrap();
    queue.push(Priority::Login, &tasks(5..8)).await.unwrap();
    let taken = queue.take(4, PATIENCE).await.unwrap();
    assert_eq!(read(&taken), [task(5), task(6), task(7), task(0)]);
    queue.push(Priority::Login, &tasks(8..9)).await.unwrap();
    assert_eq!(read(&queue.take(2, PATIENCE).await.unwrap()), [task(8), task(1)]);
}

async fn a_waiting_take_is_woken_by_a_push(bench: Bench) {
    let (first, second) = (bench.first, bench.second);
    let waiting = tokio::spawn(async move { second.take(5, PATIENCE).await.unwrap() });
    tokio::time::sleep(LEASE / 3).await;
    let pushed = Instant::now();
    first.push(Priority::Login, &[task(1)]).await.unwrap();
    assert_eq!(read(&waiting.await.unwrap()), [task(1)]);
    assert!(pushed.elapsed() < PATIENCE / 4);
}

async fn an_empty_queue_answers_after_the_wait(bench: Bench) {
    let begun = Instant::now();
    assert!(bench.first.take(5, LEASE / 2).await.unwrap().is_empty());
    let waited = begun.elapsed();
    assert!(waited >= LEASE / 3 && waited < PATIENCE / 2, "{waited:?}");
    assert!(bench.first.take(5, NO_WAIT).await.unwrap().is_empty());
}

async fn what_is_not_done_comes_back_after_its_lease(bench: Bench) {
    let (first, second) = (bench.first, bench.second);
    first.push(Priority::Alert, &tasks(0..3)).await.unwrap();
    let begun = Instant::now();
    let taken = first.take(3, PATIENCE).await.unwrap();
    finish(&*first, &taken[1..2]).await;
    let mut again = Vec::new();
    while again.len() < 2 {
        let more = second.take(3, PATIENCE).await.unwrap();
        assert!(!more.is_empty() && begun.elapsed() >= LEASE);
        again.extend(more);
    }
    assert_eq!(read(&again), [task(0), task(2)]);
    assert!(again.iter().all(|t| t.deliveries_count == 2));
    finish(&*second, &again).await;
    tokio::time::sleep(LEASE + LEASE / 2).await;
    assert!(first.take(3, NO_WAIT).await.unwrap().is_empty());
}

async fn the_many_that_a_dead_taker_held_come_back_at_once(bench: Bench) {
    let (first, second) = (bench.first, bench.second);
    first.push(Priority::Alert, &tasks(0..100)).await.unwrap();
    assert!(second.take(2, NO_WAIT).await.unwrap().len() == 2);
    assert_eq!(first.take(98, NO_WAIT).await.unwrap().len(), 98);
    tokio::time::sleep(LEASE + LEASE / 3).await;
    let begun = Instant::now();
    let mut back = Vec::new();
    for _ in 0..10 {
        let taken = second.take(10, NO_WAIT).await.unwrap();
        finish(&*second, &taken).await;
        back.extend(read(&taken));
    }
    assert_eq!(back.len(), 100, "after {:?}", begun.elapsed());
}

async fn what_is_done_is_gone(bench: Bench) {
    let queue = bench.first;
    queue.push(Priority::Alert, &tasks(0..2)).await.unwrap();
    queue.push(Priority::Login, &tasks(2..4)).await.unwrap();
    let taken = queue.take(4, PATIENCE).await.unwrap();
    finish(&*queue, &taken).await;
    finish(&*queue, &taken).await;
    queue.done(&[]).await.unwrap();
    assert_eq!(counts(&queue.depth().await.unwrap()), [(0, 0), (0, 0)]);
    assert!(bench.second.take(4, LEASE * 2).await.unwrap().is_empty());
}

async fn two_consumers_share_and_take_nothing_twice(bench: Bench) {
    bench.first.push(Priority::Alert, &tasks(0..200)).await.unwrap();
    let drains = [tokio::spawn(drain(bench.first)), tokio::spawn(drain(bench.second))];
    let mut all = Vec::new();
    for drained in drains {
        let part = drained.await.unwrap();
        assert!(!part.is_empty(), "both got a share");
        all.extend(part);
    }
    let different: HashSet<_> = all.iter().map(|t| format!("{t:?}")).collect();
    assert_eq!((all.len(), different.len()), (200, 200));
}

async fn the_depth_tells_waiting_from_pending(bench: Bench) {
    let queue = bench.first;
    let empty = queue.depth().await.unwrap();
    assert_eq!(counts(&empty), [(0, 0), (0, 0)]);
    assert_eq!(
        empty.iter().map(|d| (d.priority, d.oldest_ms)).collect::<Vec<_>>(),
        [(Priority::Login, None), (Priority::Alert, None)]
    );
    queue.push(Priority::Alert, &tasks(0..5)).await.unwrap();
    let taken = queue.take(3, PATIENCE).await.unwrap();
    finish(&*queue, &taken[..1]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let depth = queue.depth().await.unwrap();
    assert_eq!(counts(&depth), [(0, 0), (2, 2)]);
    assert!(depth[1].oldest_ms.is_some_and(|age| (50..10_000).contains(&age)), "{depth:?}");
    assert!(depth[1].held_ms.is_some_and(|age| (50..10_000).contains(&age)), "{depth:?}");
    finish(&*queue, &taken[1..]).await;
    assert_eq!(queue.depth().await.unwrap()[1].held_ms, None, "nothing is taken any more");
}

async fn a_malformed_entry_stops_nobody_and_is_taken_away(bench: Bench) {
    bench.first.push(Priority::Alert, &[task(1)]).await.unwrap();
    bench.push_rubbish("{\"task\":\"dance\"}").await;
    bench.push_rubbish("").await;
    bench.first.push(Priority::Alert, &[task(2)]).await.unwrap();
    let queue = bench.first;
    let taken = queue.take(9, PATIENCE).await.unwrap();
    let good: Vec<_> = taken.iter().filter(|t| t.task.is_ok()).cloned().collect();
    assert_eq!((taken.len(), read(&good)), (4, vec![task(1), task(2)]));
    finish(&*queue, &good).await;
    let mut deliveries = 2;
    while deliveries < 2 * MALFORMED_AFTER {
        let again = queue.take(9, PATIENCE).await.unwrap();
        assert!(!again.is_empty() && again.iter().all(|t| t.task.is_err()));
        deliveries += u32::try_from(again.len()).unwrap();
    }
    assert_eq!(counts(&queue.depth().await.unwrap()), [(0, 0), (0, 0)]);
}

macro_rules! suite {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(super::Bench::memory()).await })+
        }
        mod redis {
            $(#[tokio::test] async fn $name() {
                if let Some(bench) = super::Bench::redis().await { super::$name(bench).await }
            })+
        }
    };
}

suite! {
    tasks_come_in_the_order_they_were_pushed,
    every_kind_of_task_comes_as_it_was_pushed,
    logins_are_taken_first,
    a_waiting_take_is_woken_by_a_push,
    an_empty_queue_answers_after_the_wait,
    what_is_not_done_comes_back_after_its_lease,
    the_many_that_a_dead_taker_held_come_back_at_once,
    what_is_done_is_gone,
    two_consumers_share_and_take_nothing_twice,
    the_depth_tells_waiting_from_pending,
    a_malformed_entry_stops_nobody_and_is_taken_away,
}

#[tokio::test]
async fn a_wiped_redis_recovers_by_itself() {
    let Some(mut bench) = Bench::redis().await else { return };
    let queue = bench.first.clone();
    queue.push(Priority::Alert, &tasks(0..4)).await.unwrap();
    let lost = queue.take(2, PATIENCE).await.unwrap();
    // One wipe between takes, one under a take that waits.
    bench.server().wipe().await;
    finish(&*queue, &lost).await;
    assert_eq!(counts(&queue.depth().await.unwrap()), [(0, 0), (0, 0)]);
    queue.push(Priority::Alert, &[task(10)]).await.unwrap();
    assert_eq!(read(&queue.take(9, PATIENCE).await.unwrap()), [task(10)]);

    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.take(9, PATIENCE).await }
    });
    tokio::time::sleep(LEASE / 4).await;
    bench.server().wipe().await;
    let wiped = Instant::now();
    queue.push(Priority::Login, &[task(11)]).await.unwrap();
    assert_eq!(read(&waiting.await.unwrap().unwrap()), [task(11)]);
    assert!(wiped.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_redis_that_dies_and_comes_back_empty_is_used_again() {
    let Some(mut redis) = TestRedis::private() else { return };
    redis.up().await;
    let mut bench = Bench::over(redis);
    let queue = bench.first.clone();
    for round in 0..3 {
        queue.push(Priority::Alert, &tasks(0..5)).await.unwrap();
        assert!(!queue.take(2, PATIENCE).await.unwrap().is_empty(), "round {round}");
        bench.server().down();
        assert!(queue.take(2, NO_WAIT).await.is_err());
        assert!(queue.push(Priority::Alert, &[task(7)]).await.is_err());
        bench.server().up().await;
        eventually("a push", async || queue.push(Priority::Alert, &[task(8)]).await.is_ok()).await;
        let begun = Instant::now();
        eventually("a take", async || queue.take(9, NO_WAIT).await.is_ok_and(|t| read(&t) == [task(8)]))
            .await;
        assert!(begun.elapsed() < Duration::from_secs(3));
        bench.server().wipe().await;
    }
}

#[tokio::test]
async fn a_loop_without_redis_does_not_spin_and_begins_when_it_is_up() {
    let Some(redis) = TestRedis::private() else { return };
    let mut bench = Bench::over(redis);
    let begun = Instant::now();
    let mut failures = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        assert!(bench.first.take(2, PATIENCE).await.is_err());
        failures += 1;
    }
    assert!(failures < 12, "{failures} takes in two seconds");
    bench.server().up().await;
    bench.second.push(Priority::Alert, &[task(1)]).await.unwrap();
    assert_eq!(read(&bench.first.take(2, PATIENCE).await.unwrap()), [task(1)]);
}

#[tokio::test]
async fn a_redis_that_hangs_delays_and_loses_nothing() {
    let Some(mut redis) = TestRedis::private() else { return };
    redis.up().await;
    let mut bench = Bench::over(redis);
    let queue = bench.first.clone();
    queue.push(Priority::Alert, &tasks(0..1)).await.unwrap();
    finish(&*queue, &queue.take(2, PATIENCE).await.unwrap()).await;

    bench.server().signal("STOP");
    let begun = Instant::now();
    assert!(queue.push(Priority::Alert, &[task(5)]).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(4), "bounded: {:?}", begun.elapsed());
    let reading = tokio::spawn(take_until(queue.clone(), task(6)));
    tokio::time::sleep(Duration::from_secs(8)).await;
    bench.server().signal("CONT");
    let resumed = Instant::now();
    bench.second.push(Priority::Login, &[task(6)]).await.unwrap();
    tokio::time::timeout(PATIENCE, reading).await.unwrap().unwrap();
    assert!(resumed.elapsed() < Duration::from_secs(4), "{:?}", resumed.elapsed());
}

/// Takes, over all failures, until `wanted` came.
async fn take_until(queue: Arc<dyn Queue>, wanted: Task) {
    loop {
        let taken = queue.take(2, PATIENCE).await.unwrap_or_default();
        finish(&*queue, &taken).await;
        if read(&taken).contains(&wanted) {
            return;
        }
    }
}

#[tokio::test]
async fn a_read_blocks_for_longer_than_a_command_may_take() {
    let Some(redis) = TestRedis::start().await else { return };
    let namespace = redis.namespace.clone();
    let queue =
        Arc::new(RedisQueue::new(redis.pools(), QueueOptions { namespace, ..QueueOptions::default() }));
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.take(2, PATIENCE).await }
    });
    tokio::time::sleep(redis.pools().response_timeout() * 5 / 2).await;
    assert!(!waiting.is_finished());
    queue.push(Priority::Alert, &[task(1)]).await.unwrap();
    let pushed = Instant::now();
    assert_eq!(read(&waiting.await.unwrap().unwrap()), [task(1)]);
    assert!(pushed.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_full_redis_refuses_and_goes_on_when_there_is_room() {
    let Some(mut redis) = TestRedis::private() else { return };
    redis.up().await;
    let mut connection = redis.pools().get().await.unwrap();
    let bench = Bench::over(redis);
    let queue = bench.first;
    queue.push(Priority::Alert, &tasks(0..3)).await.unwrap();
    for (limit, fits) in [("1", false), ("0", true)] {
        let mut set = ::redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(limit);
        let () = set.query_async(&mut connection).await.unwrap();
        assert_eq!(queue.push(Priority::Alert, &[task(9)]).await.is_ok(), fits);
    }
    assert_eq!(drain(queue).await, [task(0), task(1), task(2), task(9)]);
}

#[tokio::test]
async fn a_take_that_is_dropped_loses_nothing() {
    let Some(bench) = Bench::redis().await else { return };
    let mut all = HashSet::new();
    for n in 0..20 {
        let queue = bench.first.clone();
        let take = tokio::spawn(async move { queue.take(2, PATIENCE).await });
        tokio::time::sleep(Duration::from_millis(5 + n % 3)).await;
        bench.second.push(Priority::Alert, &[task(n.into())]).await.unwrap();
        take.abort();
        if let Ok(taken) = take.await {
            all.extend(read(&taken.unwrap()).into_iter().map(|t| format!("{t:?}")));
        }
    }
    all.extend(drain(bench.first).await.into_iter().map(|t| format!("{t:?}")));
    assert_eq!(all.len(), 20);
}

#[tokio::test]
async fn entries_of_strangers_are_malformed() {
    let Some(bench) = Bench::redis().await else { return };
    bench.add_entry("something", b"else").await;
    bench.add_entry("task", &[0xff, 0xfe]).await;
    bench.first.push(Priority::Alert, &[task(1)]).await.unwrap();
    let taken = bench.first.take(9, PATIENCE).await.unwrap();
    let kinds: Vec<_> = taken.iter().map(|t| t.task.is_ok()).collect();
    assert_eq!(kinds, [false, false, true]);
}
