//! Takes tasks from the queue and works them off.
//!
//! A permit is taken before a task is, and travels with it. Alerts may use three quarters of the permits, so that a
//! login code never waits for a slow campaign: while the alerts' share is in use, tasks are taken only when a login
//! waits. A task is reported done after its work was recorded; one that failed comes back by itself.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mashang_infra::queue::{Priority, Taken, Task};
use sea_orm::DbErr;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::dispatch;
use crate::fan_out::{self, FanOut};
use crate::service::Core;

const TAKE_WAIT: Duration = Duration::from_secs(2);
const FULL_PAUSE: Duration = Duration::from_millis(50);
/// Deliveries of one task after which it is dropped: its takers die of it, and the sweep knows what it stood for.
const POISON_AFTER: u32 = 5;

/// How many of `permits` tasks may work for alerts at once.
pub const fn alert_share(permits: usize) -> usize {
    let share = permits * 3 / 4;
    if share == 0 { 1 } else { share }
}

/// The loop and its permits.
pub struct Worker {
    core: Arc<Core>,
    all: Arc<Semaphore>,
    alerts: Arc<Semaphore>,
    fanning_out: Arc<Mutex<HashSet<Uuid>>>,
}

impl Worker {
    pub fn new(core: Arc<Core>) -> Self {
        let permits = core.settings.notifier.concurrency.max(2);
        Self {
            core,
            all: Arc::new(Semaphore::new(permits)),
            alerts: Arc::new(Semaphore::new(alert_share(permits))),
            fanning_out: Arc::default(),
        }
    }

    /// Takes and spawns until the soft stop.
    pub async fn run(self) {
        let soft = self.core.life.soft.clone();
        let heartbeat = self.core.life.heartbeat("worker");
        while !soft.is_cancelled() {
            let Some(room) = soft.run_until_cancelled(self.room()).await else { return };
            if room == 0 {
                tokio::time::sleep(FULL_PAUSE).await;
                continue;
            }
            match soft.run_until_cancelled(self.core.queue.take(room, TAKE_WAIT)).await {
                None => return,
                Some(Ok(taken)) => {
                    heartbeat.beat();
                    for task in taken {
                        self.start(task).await;
                    }
                }
                Some(Err(error)) => tracing::warn!(%error, "no tasks can be taken"),
            }
        }
    }

    /// How many tasks may be taken now.
    async fn room(&self) -> usize {
        let Ok(permit) = self.all.acquire().await else { return 0 };
        drop(permit);
        let free = self.all.available_permits();
        let alerts = self.alerts.available_permits();
        if alerts > 0 {
            return free.min(alerts);
        }
        let depth = self.core.queue.depth().await.unwrap_or_default();
        let logins = depth.iter().find(|d| d.priority == Priority::Login).map_or(0, |d| d.waiting);
        logins.min(free)
    }

    async fn start(&self, taken: Taken) {
        let Ok(permit) = Arc::clone(&self.all).acquire_owned().await else { return };
        let alerts = Arc::clone(&self.alerts);
        let (core, fanning_out) = (Arc::clone(&self.core), Arc::clone(&self.fanning_out));
        self.core.life.spawn("task", async move {
            let share = match taken.priority {
                Priority::Login => None,
                Priority::Alert => alerts.acquire_owned().await.ok(),
            };
            work(&core, &fanning_out, taken).await;
            drop((share, permit));
        });
    }
}

async fn work(core: &Arc<Core>, fanning_out: &Mutex<HashSet<Uuid>>, taken: Taken) {
    let Ok(task) = taken.task else { return };
    let finished = match &task {
        Task::Send { deliveries } => dispatch::send(core, deliveries).await.map(|_| true),
        Task::FanOut { alert } => fan_out_once(core, fanning_out, *alert).await,
    };
    match finished {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) if taken.deliveries_count >= POISON_AFTER => {
            metrics::counter!("mashang_quarantined_total", "kind" => "task").increment(1);
            tracing::error!(%error, count = taken.deliveries_count, "a task fails again and again; it is dropped");
        }
        Err(error) => {
            tracing::warn!(%error, "a task failed; it comes back");
            return;
        }
    }
    if let Err(error) = core.queue.done(&[taken.receipt]).await {
        tracing::debug!(%error, "a finished task could not be reported; it comes back, harmlessly");
    }
}

/// Fans out an alert unless this process is at it already. True when the task is no longer needed.
async fn fan_out_once(core: &Arc<Core>, running: &Mutex<HashSet<Uuid>>, alert: Uuid) -> Result<bool, DbErr> {
    let set = || running.lock().unwrap_or_else(PoisonError::into_inner);
    if !set().insert(alert) {
        return Ok(false);
    }
    let result = fan_out::fan_out(core, alert).await;
    set().remove(&alert);
    match result? {
        // What is not yet to be done is asked for again by the sweep.
        FanOut::Done { .. } | FanOut::NotWanted | FanOut::NotYet => Ok(true),
    }
}
