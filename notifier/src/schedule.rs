//! When the periodic work is done.
//!
//! Cron jobs are wake-up hints only: the scheduler stops firing after some steps of the clock, so each loop also wakes by
//! itself. What a wake-up does is "what is due in the database"; a job that must run once in all processes claims its
//! tick first.

use std::sync::Arc;
use std::time::Duration;

use mashang_domain::time::{MINUTE, Timestamp};
use mashang_infra::lease;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::figures::Figures;
use crate::service::Core;
use crate::sweep;

const MINUTE_JOB: &str = "dispatch_minute";
/// How long after its time a tick is run at the latest by the plain loop.
const BACKUP: Duration = Duration::from_secs(20);

/// The hints: one to sweep, one for the work of the minute.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub sweep: Arc<Notify>,
    pub minute: Arc<Notify>,
}

/// Starts the cron jobs. They end with the scheduler that is answered.
pub async fn hints(hints: &Hints) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for (cron, notify) in [("*/5 * * * * *", &hints.sweep), ("0 * * * * *", &hints.minute)] {
        let notify = Arc::clone(notify);
        scheduler.add(Job::new(cron, move |_, _| notify.notify_one())?).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// Sweeps every `notifier.sweep_ms`, and at every hint, until the soft stop; once a minute it reads the figures as well.
pub async fn sweep_loop(core: Arc<Core>, hints: Hints) {
    let every = Duration::from_millis(core.settings.notifier.sweep_ms.max(10));
    let heartbeat = core.life.heartbeat("sweep");
    let mut figures = Figures::default();
    loop {
        let swept = sweep::pass(&core).await;
        if swept.failed == 0 {
            heartbeat.beat();
            metrics::gauge!("mashang_sweep_last_success_seconds").set(seconds(core.clock.now()));
        }
        if swept.any() {
            tracing::debug!(?swept, "swept");
        }
        figures.keep(&core).await;
        tokio::select! {
            () = core.life.soft.cancelled() => return,
            () = hints.sweep.notified() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// The work of the minute, in one process.
pub async fn minute_loop(core: Arc<Core>, hints: Hints) {
    let heartbeat = core.life.heartbeat("minute");
    loop {
        match minute_tick(&core).await {
            Ok(()) => heartbeat.beat(),
            Err(error) => tracing::warn!(%error, "the work of the minute failed"),
        }
        tokio::select! {
            () = core.life.soft.cancelled() => return,
            () = hints.minute.notified() => {}
            () = tokio::time::sleep(BACKUP) => {}
        }
    }
}

async fn minute_tick(core: &Core) -> Result<(), sea_orm::DbErr> {
    let now = core.clock.now();
    let tick = Timestamp(now.millis() - now.millis().rem_euclid(MINUTE));
    if !sweep::claim_tick(core, MINUTE_JOB, tick).await? {
        return Ok(());
    }
    let settled = sweep::minute(core).await?;
    let tx = core.db.begin_write().await?;
    lease::finish_tick(&*tx, MINUTE_JOB, tick, core.clock.now(), &format!("settled {settled}")).await?;
    tx.commit().await
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1_000.0
}
