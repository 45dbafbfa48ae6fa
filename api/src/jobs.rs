//! The periodic work of the api: the nightly deletion, the destruction after the end of the operation, the hourly check of
//! the audit log, the keys and the passing days of health codes, new rules for them, and the figures that alarms look at.
//!
//! The cron job is a wake-up hint only, for the scheduler stops firing after some steps of the clock; the plain loop
//! looks by itself. What was missed while no process ran is done at start.

mod figures;
mod health;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use mashang_infra::audit_check;
use mashang_infra::nightly::nightly;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::app::health::keys;
use crate::app::operation;
use crate::state::App;

/// How often the loop looks whether the operation has ended.
const LOOK: Duration = Duration::from_secs(1);
/// How often it looks whether the work of the night or of the hour is due, and how long it waits after a failure.
const DUE: Duration = Duration::from_secs(30);
/// How long it waits before a failed step of the destruction is repeated.
const REPEAT: Duration = Duration::from_secs(5);

/// Starts the loops and their wake-ups; these end with the scheduler that is answered.
pub async fn start(app: &web::Data<App>) -> Result<JobScheduler, JobSchedulerError> {
    let wake = Arc::new(Notify::new());
    app.lifecycle.spawn("jobs", run(app.clone(), Arc::clone(&wake)));
    app.lifecycle.spawn("audit check", audit_loop(app.clone()));
    if app.settings.health.enabled {
        app.lifecycle.spawn("code keys", keys::run(app.clone()));
        app.lifecycle.spawn("health codes", health::run(app.clone()));
    }
    app.lifecycle.spawn("figures", figures::run(app.clone()));
    if app.settings.health.enabled {
        app.lifecycle.spawn("rules", rules::run(app.clone()));
    }
    let scheduler = JobScheduler::new().await?;
    // The cron's hours are UTC, the setting's those of Asia/Shanghai.
    let cron = format!("1 0 {} * * *", (app.settings.retention.hour + 16) % 24);
    scheduler.add(Job::new(cron.as_str(), move |_, _| wake.notify_one())?).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

async fn run(app: web::Data<App>, wake: Arc<Notify>) {
    let (heartbeat, of_nights) = (app.lifecycle.heartbeat("jobs"), app.lifecycle.heartbeat("nightly"));
    let (mut due_at, mut certified) = (Instant::now(), false);
    loop {
        let ended = app.gate.is_ended().await;
        if ended && !certified {
            certified = destroy(&app).await;
        } else if Instant::now() >= due_at {
            due_at = Instant::now() + DUE;
            if let Err(error) = nightly(&app.db, &app.settings.retention, &app.clock).await {
                tracing::warn!(%error, "the nightly deletion failed and will be tried again");
            } else {
                heartbeat.beat();
                of_nights.beat();
            }
        } else {
            heartbeat.beat();
        }
        let pause = if ended && !certified { REPEAT } else { LOOK };
        tokio::select! {
            () = app.lifecycle.soft.cancelled() => return,
            () = wake.notified() => due_at = Instant::now(),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Looks after the audit log, until the soft stop.
async fn audit_loop(app: web::Data<App>) {
    let heartbeat = app.lifecycle.heartbeat("audit_check");
    loop {
        match audit_check::check_when_due(&app.db, &app.keys, &app.clock, || heartbeat.beat()).await {
            Ok(_) => heartbeat.beat(),
            Err(error) => tracing::warn!(%error, "the audit log could not be checked"),
        }
        if app.lifecycle.soft.run_until_cancelled(tokio::time::sleep(DUE)).await.is_none() {
            return;
        }
    }
}

/// Carries the destruction to its end; true when there is nothing left to do.
async fn destroy(app: &App) -> bool {
    match operation::destruction(app).finish().await {
        Ok(certificate) => certificate.is_some(),
        Err(error) => {
            tracing::error!(%error, "the destruction of the operation's data is not finished and goes on");
            false
        }
    }
}
