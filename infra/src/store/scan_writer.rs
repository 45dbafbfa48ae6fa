//! The scan writer: concurrent scans are gathered for a moment and written together.
//!
//! A commit costs nearly the same for one scan as for five hundred. So a scan that comes while nothing is being written
//! is written at once, and those that come meanwhile gather until a group has been committed (or for some milliseconds,
//! or until there are very many) and become one transaction: the more come, the larger the groups, without anybody
//! having set a pace. Every scan is answered after its commit and never before. The queue is bounded: what does not fit
//! is refused at once. A scan that has been taken is written even when nobody waits for the answer any more, and at
//! shutdown what is held is written before the writers end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use mashang_config::Scans;
use mashang_domain::time::SECOND;
use mashang_domain::venue::plausibility::PlausibilityRules;
use sea_orm::DbErr;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::partition::{ensure_days_of, is_missing_partition, sqlstate};
use super::scan_group::record_group;
pub use super::scan_group::{NewScan, Outcome, Recorded, answers_of};
use crate::clock::Clock;
use crate::db::Db;
use crate::lifecycle::Lifecycle;

/// Why a scan was not recorded. It may be sent again under the same `client_scan_id` in every case.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    #[error("more scans are waiting than the writer's queue holds")]
    Overloaded,
    #[error("the process is stopping and takes no more scans")]
    Stopping,
    #[error("the scan's transaction failed: {0}")]
    Failed(Arc<DbErr>),
    /// The writer was dropped in the middle; whether the scan was recorded is unknown.
    #[error("the writer ended before it knew whether the scan was recorded")]
    Interrupted,
}

type Answer = Result<Recorded, RecordError>;

struct Waiting {
    scan: NewScan,
    answer: oneshot::Sender<Answer>,
}

/// Takes scans and answers when they are durable. Clones share the writers.
#[derive(Clone)]
pub struct ScanWriter {
    queue: mpsc::Sender<Waiting>,
    closing: CancellationToken,
}

/// The numbers of plausibility, as the settings say.
pub fn plausibility_rules(settings: &Scans) -> PlausibilityRules {
    PlausibilityRules {
        repeat_ms: settings.repeat_seconds * SECOND,
        at_once_ms: settings.at_once_seconds * SECOND,
        max_per_day: settings.max_per_day,
        max_speed_kmh: settings.max_speed_kmh,
    }
}

impl ScanWriter {
    /// Starts the writers: `scans.writers` of them, one on SQLite.
    pub fn start(db: Db, settings: &Scans, clock: Clock, life: &Lifecycle) -> Self {
        let (queue, scans) = mpsc::channel(settings.queue_max.max(1));
        let closing = CancellationToken::new();
        let writers = if db.is_postgres() { settings.writers.max(1) } else { 1 };
        let shared = Arc::new(Shared {
            scans: Mutex::new(scans),
            closing: closing.clone(),
            group_max: settings.group_max.max(1),
            group_wait: Duration::from_millis(settings.group_wait_ms),
            in_work: AtomicUsize::new(0),
            committed: Notify::new(),
            rules: plausibility_rules(settings),
            db,
            clock,
        });
        for _ in 0..writers {
            life.spawn("scan writer", Arc::clone(&shared).run());
        }
        Self { queue, closing }
    }

    /// Records a scan. Returns when it is committed. The write happens even if the future is dropped.
    ///
    /// # Errors
    /// See [`RecordError`]; never after the commit.
    pub async fn record(&self, scan: NewScan) -> Answer {
        answer(self.enqueue(scan)?).await
    }

    /// Records several scans of one upload; the answers are in their order.
    pub async fn record_all(&self, scans: Vec<NewScan>) -> Vec<Answer> {
        let waiting: Vec<_> = scans.into_iter().map(|scan| self.enqueue(scan)).collect();
        let mut answers = Vec::with_capacity(waiting.len());
        for one in waiting {
            answers.push(match one {
                Ok(receiver) => answer(receiver).await,
                Err(refused) => Err(refused),
            });
        }
        answers
    }

    fn enqueue(&self, scan: NewScan) -> Result<oneshot::Receiver<Answer>, RecordError> {
        let (sender, receiver) = oneshot::channel();
        match self.queue.try_send(Waiting { scan, answer: sender }) {
            Ok(()) => Ok(receiver),
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("mashang_scans_refused_total").increment(1);
                Err(RecordError::Overloaded)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(RecordError::Stopping),
        }
    }

    /// Takes no more scans; the writers end when what is held is written. Call it when the HTTP server has stopped,
    /// before waiting for the [`Lifecycle`].
    pub fn close(&self) {
        self.closing.cancel();
    }
}

async fn answer(receiver: oneshot::Receiver<Answer>) -> Answer {
    receiver.await.unwrap_or(Err(RecordError::Interrupted))
}

struct Shared {
    scans: Mutex<mpsc::Receiver<Waiting>>,
    closing: CancellationToken,
    group_max: usize,
    group_wait: Duration,
    /// Groups that are being written.
    in_work: AtomicUsize,
    /// Told when one of them is done.
    committed: Notify,
    rules: PlausibilityRules,
    db: Db,
    clock: Clock,
}

impl Shared {
    async fn run(self: Arc<Self>) {
        while let Some(group) = self.gather().await {
            // A panic costs its group and not the writer.
            if AssertUnwindSafe(self.write(group)).catch_unwind().await.is_err() {
                metrics::counter!("mashang_task_panics_total", "task" => "scan writer").increment(1);
                tracing::error!("a group of scans panicked");
            }
            self.in_work.fetch_sub(1, Ordering::AcqRel);
            self.committed.notify_waiters();
        }
    }

    /// The next group; `None` when the queue is closed and empty.
    async fn gather(&self) -> Option<Vec<Waiting>> {
        let mut scans = self.scans.lock().await;
        let mut group = Vec::with_capacity(self.group_max.min(64));
        let taken = tokio::select! {
            biased;
            taken = scans.recv_many(&mut group, self.group_max) => taken,
            () = self.closing.cancelled() => {
                scans.close();
                scans.recv_many(&mut group, self.group_max).await
            }
        };
        if taken == 0 {
            return None;
        }
        self.add_to(&mut group, &mut scans).await;
        self.in_work.fetch_add(1, Ordering::AcqRel);
        Some(group)
    }

    /// Waits for more as long as others are writing anyway.
    async fn add_to(&self, group: &mut Vec<Waiting>, scans: &mut mpsc::Receiver<Waiting>) {
        let committed = self.committed.notified();
        tokio::pin!(committed);
        // Listens before it looks: a commit in between is not missed.
        committed.as_mut().enable();
        let deadline = Instant::now() + self.group_wait;
        while group.len() < self.group_max && self.in_work.load(Ordering::Acquire) > 0 {
            let room = self.group_max - group.len();
            tokio::select! {
                biased;
                taken = scans.recv_many(group, room) => if taken == 0 { break },
                () = committed.as_mut() => break,
                () = sleep_until(deadline) => break,
            }
        }
        // What came in the same moment.
        while group.len() < self.group_max
            && let Ok(one) = scans.try_recv()
        {
            group.push(one);
        }
    }

    async fn write(&self, group: Vec<Waiting>) {
        metrics::histogram!("mashang_scan_group_size").record(group.len() as f64);
        let (scans, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|w| (w.scan, w.answer)).unzip();
        let mut answers: Vec<_> = answers.into_iter().map(Some).collect();
        let mut parts: Vec<_> = std::iter::once(0..scans.len()).collect();
        let mut tally = Tally::default();
        while let Some(part) = parts.pop() {
            let outcome = self.record(&scans[part.clone()]).await;
            if part.len() > 1 && outcome.as_ref().is_err_and(is_divisible) {
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
                continue;
            }
            let told = outcome.map_err(|error| {
                tracing::error!(scans = part.len(), %error, "scans were not recorded");
                Arc::new(error)
            });
            for (i, at) in part.enumerate() {
                let answer = match &told {
                    Ok(recorded) => recorded.get(i).cloned().ok_or(RecordError::Interrupted),
                    Err(error) => Err(RecordError::Failed(Arc::clone(error))),
                };
                if let Some(sender) = answers[at].take() {
                    tally.count(&answer);
                    // The caller may be gone; the scan is recorded all the same.
                    let _ = sender.send(answer);
                }
            }
        }
        tally.publish();
    }

    /// One group in one transaction, tried once more when its day had no partition or it lost a deadlock.
    async fn record(&self, scans: &[NewScan]) -> Result<Vec<Recorded>, DbErr> {
        let now = self.clock.now();
        match record_group(&self.db, scans, &self.rules, now).await {
            Err(e) if is_missing_partition(&e) => {
                ensure_days_of(&self.db, scans.iter().map(|s| s.at)).await?;
                record_group(&self.db, scans, &self.rules, now).await
            }
            Err(e) if matches!(sqlstate(&e).as_deref(), Some("40P01" | "40001")) => {
                record_group(&self.db, scans, &self.rules, now).await
            }
            other => other,
        }
    }
}

/// Whether a smaller group may succeed: one scan spoils it (SQLSTATE classes 22 and 23), or there are too many locks.
fn is_divisible(error: &DbErr) -> bool {
    sqlstate(error)
        .is_some_and(|state| state == "53200" || state.starts_with("22") || state.starts_with("23"))
}

/// How a group came out; the counters are written once for all of it.
#[derive(Default)]
struct Tally {
    new: u64,
    same_key: u64,
    repeat: u64,
    failed: u64,
}

impl Tally {
    fn count(&mut self, answer: &Answer) {
        let counter = match answer {
            Ok(Recorded { outcome: Outcome::New, .. }) => &mut self.new,
            Ok(Recorded { outcome: Outcome::SameKey, .. }) => &mut self.same_key,
            Ok(Recorded { outcome: Outcome::Repeat, .. }) => &mut self.repeat,
            Err(_) => &mut self.failed,
        };
        *counter += 1;
    }

    fn publish(self) {
        let Self { new, same_key, repeat, failed } = self;
        for (outcome, count) in [("new", new), ("same_key", same_key), ("repeat", repeat), ("failed", failed)]
        {
            if count > 0 {
                metrics::counter!("mashang_scans_total", "outcome" => outcome).increment(count);
            }
        }
    }
}
