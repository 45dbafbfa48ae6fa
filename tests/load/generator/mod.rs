//! Makes requests: over kept connections, as fast as they are answered (closed loop) or at a fixed rate whatever the
//! answers do (open loop).
//!
//! It is written to be far cheaper than any server it measures: one thread, requests that are put together from ready
//! parts, answers that are looked at only for their status and their end. It runs in a thread of its own, because the
//! rest of this program sleeps meanwhile.

mod connection;
mod latency;
mod plan;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use self::connection::{Connection, Reply};
use self::latency::Latency;
pub use self::plan::{Load, Plan};

/// Writes request number `n` of a connection into a buffer, whole.
pub trait Requests: Send + Sync + 'static {
    fn write(&self, connection: usize, n: usize, buffer: &mut Vec<u8>);
}

/// What came back in the measured time.
pub struct Outcome {
    /// Answers with the wanted status.
    pub good: u64,
    /// Other answers by status; 0 stands for a connection that broke.
    pub bad: BTreeMap<u16, u64>,
    /// Microseconds from when a request should have been sent to its whole answer; good ones only.
    pub latency: Latency,
    /// The same of the answers that were not good.
    pub refusals: Latency,
    pub seconds: f64,
    /// How late the generator itself was at worst, in the open loop: above a few milliseconds it is the bottleneck.
    pub late: Duration,
}

impl Outcome {
    fn empty() -> Self {
        Self {
            good: 0,
            bad: BTreeMap::new(),
            latency: Latency::new(),
            refusals: Latency::new(),
            seconds: 0.0,
            late: Duration::ZERO,
        }
    }

    pub fn rate(&self) -> f64 {
        self.good as f64 / self.seconds
    }

    pub fn errors(&self) -> u64 {
        self.bad.values().sum()
    }

    /// Milliseconds at a quantile, of the answers that were not good.
    pub fn refusal_millis(&self, quantile: f64) -> f64 {
        self.refusals.at(quantile) as f64 / 1000.0
    }

    /// Milliseconds at a quantile.
    pub fn millis(&self, quantile: f64) -> f64 {
        self.latency.at(quantile) as f64 / 1000.0
    }

    pub fn max_millis(&self) -> f64 {
        self.latency.max() as f64 / 1000.0
    }

    fn take(&mut self, reply: std::io::Result<Reply>, wanted: u16, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match reply {
            Ok(reply) if reply.status == wanted => {
                self.good += 1;
                self.latency.record(micros);
            }
            Ok(reply) => {
                *self.bad.entry(reply.status).or_default() += 1;
                self.refusals.record(micros);
            }
            Err(_) => *self.bad.entry(0).or_default() += 1,
        }
    }
}

/// Runs a plan against a server and waits for its end. `between` is called when the measured time begins, and again
/// when it ends: to read counters.
pub async fn run<R: Requests>(
    address: SocketAddr,
    plan: Plan,
    requests: Arc<R>,
    mut between: impl FnMut(),
) -> anyhow::Result<Outcome> {
    let begin = Instant::now() + Duration::from_millis(100);
    let (measured, end) = (begin + plan.warm_up, begin + plan.warm_up + plan.measured);
    let (tell, told) = tokio::sync::oneshot::channel();
    let times = Times { begin, measured, end };
    let thread = std::thread::Builder::new().name("generator".to_owned()).spawn(move || {
        let _ = tell.send(all_connections(address, &plan, &times, &requests));
    })?;
    tokio::time::sleep_until(measured.into()).await;
    between();
    tokio::time::sleep_until(end.into()).await;
    between();
    let outcome = told.await.context("the generator ended early")?;
    let _ = thread.join();
    outcome
}

struct Times {
    begin: Instant,
    measured: Instant,
    end: Instant,
}

fn all_connections<R: Requests>(
    address: SocketAddr,
    plan: &Plan,
    times: &Times,
    requests: &Arc<R>,
) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // One for all: a histogram each would not fit into the processor's cache. Only this thread takes the lock.
    let outcome = Arc::new(Mutex::new(Outcome::empty()));
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..plan.connections {
            let one = One {
                address,
                number,
                plan: plan.clone(),
                times: Times { ..*times },
                requests: Arc::clone(requests),
                outcome: Arc::clone(&outcome),
            };
            tasks.spawn(one.run());
        }
        while let Some(one) = tasks.join_next().await {
            one??;
        }
        anyhow::Ok(())
    })?;
    let outcome = Arc::into_inner(outcome).context("a connection is left")?;
    let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome { seconds: plan.measured.as_secs_f64(), ..outcome })
}

/// One client.
struct One<R> {
    address: SocketAddr,
    number: usize,
    plan: Plan,
    times: Times,
    requests: Arc<R>,
    outcome: Arc<Mutex<Outcome>>,
}

impl<R: Requests> One<R> {
    async fn run(self) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.address).await.context("no connection")?;
        let mut buffer = Vec::with_capacity(1024);
        for n in 0.. {
            let intended = match self.plan.load {
                Load::Closed => Instant::now(),
                Load::Open { .. } => self.times.begin + self.plan.due(self.number, n),
            };
            if intended >= self.times.end {
                break;
            }
            if intended > Instant::now() {
                tokio::time::sleep_until(intended.into()).await;
                let late = intended.elapsed();
                self.outcome(|o| o.late = o.late.max(late));
            }
            buffer.clear();
            self.requests.write(self.number, n, &mut buffer);
            let reply = connection.ask(&buffer).await;
            let now = Instant::now();
            let broken = reply.as_ref().map_or(true, |r| r.closes);
            // By its end in the closed loop, by its intended start in the open one: none is left out for being slow.
            let counted = match self.plan.load {
                Load::Closed => now >= self.times.measured && now < self.times.end,
                Load::Open { .. } => intended >= self.times.measured,
            };
            if counted {
                self.outcome(|o| o.take(reply, self.plan.wanted, now - intended));
            }
            if broken && now < self.times.end {
                connection = Connection::open(self.address).await.context("the server is gone")?;
            }
        }
        Ok(())
    }

    fn outcome(&self, change: impl FnOnce(&mut Outcome)) {
        change(&mut self.outcome.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
