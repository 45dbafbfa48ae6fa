//! What the alarms look at and no request sets: every process reads it from the database, so that none goes stale where
//! another does the work.

use std::time::Duration;

use actix_web::web;
use mashang_domain::time::{SECOND, Timestamp};
use mashang_infra::store::login_code;
use mashang_infra::{audit_check, lease, store};
use sea_orm::DbErr;

use crate::state::App;

/// How often they are read.
const EVERY: Duration = Duration::from_secs(20);
/// Jobs of the day whose last end is told.
const JOBS: [&str; 1] = [store::retention::JOB];

/// Reads them until the soft stop.
pub(super) async fn run(app: web::Data<App>) {
    let heartbeat = app.lifecycle.heartbeat("figures");
    loop {
        match read(&app).await {
            Ok(()) => heartbeat.beat(),
            Err(error) => tracing::warn!(%error, "the figures for the alarms could not be read"),
        }
        if app.lifecycle.soft.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

async fn read(app: &App) -> Result<(), DbErr> {
    let (db, now) = (app.db.conn(), app.clock.now());
    let audit = audit_check::standing(db).await?;
    let age = |at: Timestamp| seconds((now - at).max(0));
    if let Some(at) = audit.newest_at {
        metrics::gauge!("mashang_audit_newest_age_seconds").set(age(at));
    }
    if let Some(at) = audit.verified_at {
        metrics::gauge!("mashang_audit_verified_age_seconds").set(age(at));
    }
    metrics::gauge!("mashang_audit_intact").set(f64::from(u8::from(audit.intact)));
    for job in JOBS {
        if let Some(last) = lease::last_finished(db, job).await? {
            metrics::gauge!("mashang_job_finished_age_seconds", "job" => job).set(age(last.finished_at));
        }
    }
    if app.settings.health.enabled {
        appeals(&store::appeal::clocks(db, now).await?);
    }
    crate::canary::report(app).await?;
    let hour = login_code::hour(db, app.settings.limits.code_ttl_seconds * SECOND, now).await?;
    login_codes(&hour);
    let last_day = login_code::last_day(db, now).await?;
    budget(last_day, app.settings.limits.code_per_day);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn login_codes(hour: &login_code::Hour) {
    metrics::gauge!("mashang_login_codes_hour", "state" => "sent").set(hour.sent as f64);
    metrics::gauge!("mashang_login_codes_hour", "state" => "verified").set(hour.verified as f64);
    let share = if hour.sent == 0 { 1.0 } else { hour.verified as f64 / hour.sent as f64 };
    metrics::gauge!("mashang_login_codes_verified_share").set(share);
    let most = [("block", hour.most_unverified_of_block), ("address", hour.most_unverified_of_address)];
    for (by, n) in most {
        metrics::gauge!("mashang_login_codes_unverified_most", "by" => by).set(n as f64);
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn appeals(clock: &store::appeal::Clock) {
    metrics::gauge!("mashang_appeals_open").set(clock.open as f64);
    metrics::gauge!("mashang_appeals_overdue").set(clock.overdue as f64);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn budget(last_day: i64, per_day: i64) {
    metrics::gauge!("mashang_login_codes_last_day").set(last_day as f64);
    metrics::gauge!("mashang_login_codes_budget").set(per_day as f64);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}
