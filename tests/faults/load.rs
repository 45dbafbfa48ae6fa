//! Honest clients in an open loop: scans begin when they should, whatever became of those before, and a client whose
//! answer was lost sends the same scan again until it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use crate::crowd::Crowd;
use crate::journal::{End, Entry, Journal};
use crate::wire::{Answer, Wires};

/// Longer than the api may take for any request; who waits longer was left hanging.
const HANG: Duration = Duration::from_secs(35);
/// The shortest and the longest pause before the same scan is sent again; `Retry-After` may ask for more than the first.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// What the clients of one load share.
#[derive(Clone)]
pub struct Clients {
    pub crowd: Arc<Crowd>,
    /// The apis; a client tries the next one after a broken connection.
    pub doors: Vec<Arc<Wires>>,
    pub journal: Journal,
    pub zero: Instant,
}

impl Clients {
    /// Writes down what somebody outside of any load was told just now.
    pub fn witness(&self, person: usize, key: &str, answer: &Answer) {
        let (now, end) = (micros(self.zero, Instant::now()), End::Status(answer.status));
        let entry = Entry {
            person,
            key: key.to_owned(),
            end,
            retry_after: answer.retry_after,
            scan_id: scan_id(answer),
            intended: now,
            sent: now,
            done: now,
        };
        self.journal.note(entry);
    }
}

fn micros(zero: Instant, at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(zero).as_micros()).unwrap_or(u64::MAX)
}

fn scan_id(answer: &Answer) -> Option<Uuid> {
    if !(200..300).contains(&answer.status) {
        return None;
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["scan_id"].as_str().and_then(|id| id.parse().ok())
}

/// How much, for how long, and how stubborn.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Tells the keys and the chances of this load from others.
    pub seed: u64,
    /// Scans a second.
    pub rate: f64,
    /// How long scans begin; at most.
    pub time: Duration,
    /// How long a client repeats its scan; zero: never.
    pub stubborn: Duration,
}

/// A load that is running.
pub struct Load {
    task: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Load {
    pub fn begin(clients: Clients, plan: Plan) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(run(clients, plan, Arc::clone(&stop)));
        Self { task, stop }
    }

    /// Begins no further scan and waits until every client has its answer or has given up.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        Ok((&mut self.task).await?)
    }

    /// Waits for the planned end.
    pub async fn through(mut self) -> anyhow::Result<()> {
        Ok((&mut self.task).await?)
    }
}

impl Drop for Load {
    /// A scenario that fails leaves nobody behind.
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(clients: Clients, plan: Plan, stop: Arc<AtomicBool>) {
    let clients = Arc::new(clients);
    let (mut chance, mut tasks) = (StdRng::seed_from_u64(plan.seed), JoinSet::new());
    let begun = Instant::now();
    for n in 0_u32.. {
        let after = Duration::from_secs_f64(f64::from(n) / plan.rate);
        if after >= plan.time || stop.load(Ordering::Relaxed) {
            break;
        }
        let intended = begun + after;
        sleep_until(intended).await;
        let (person, code) = clients.crowd.draw(&mut chance);
        let client = Client {
            clients: Arc::clone(&clients),
            person,
            code,
            key: format!("{:x}-{n}", plan.seed),
            door: chance.random_range(0..clients.doors.len()),
            chance: StdRng::seed_from_u64(chance.random()),
        };
        tasks.spawn(client.scan(intended, plan.stubborn));
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

struct Client {
    clients: Arc<Clients>,
    person: usize,
    code: usize,
    key: String,
    door: usize,
    chance: StdRng,
}

impl Client {
    /// Sends the scan until it is answered for good.
    async fn scan(mut self, mut intended: Instant, stubborn: Duration) {
        let request = self.clients.crowd.scan(self.person, self.code, &self.key);
        let give_up = intended + stubborn;
        let mut pause = PAUSES.0;
        loop {
            let sent = Instant::now();
            let door = Arc::clone(&self.clients.doors[self.door]);
            let outcome = timeout(HANG, door.ask(&request)).await;
            let again = !matches!(&outcome, Ok(Ok(answer)) if answer.status != 503);
            let answer = outcome.map(Result::ok).ok();
            let asked = answer.as_ref().and_then(Option::as_ref).and_then(|a| a.retry_after).unwrap_or(0);
            self.note(answer, intended, sent);
            if !again || Instant::now() >= give_up {
                return;
            }
            // Where an api refuses, the other one may not.
            self.door = (self.door + 1) % self.clients.doors.len();
            let wait = pause.max(Duration::from_secs(asked));
            sleep(wait.mul_f64(self.chance.random_range(1.0..1.5))).await;
            pause = (pause * 2).min(PAUSES.1);
            intended = Instant::now();
        }
    }

    fn note(&self, outcome: Option<Option<Answer>>, intended: Instant, sent: Instant) {
        let answer = outcome.as_ref().and_then(Option::as_ref);
        let end = match (&outcome, answer) {
            (None, _) => End::Hung,
            (Some(_), None) => End::Broken,
            (Some(_), Some(answer)) => End::Status(answer.status),
        };
        let zero = self.clients.zero;
        self.clients.journal.note(Entry {
            person: self.person,
            key: self.key.clone(),
            end,
            retry_after: answer.and_then(|a| a.retry_after),
            scan_id: answer.and_then(scan_id),
            intended: micros(zero, intended),
            sent: micros(zero, sent),
            done: micros(zero, Instant::now()),
        });
    }
}
