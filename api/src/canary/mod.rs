//! The self-test: every few minutes one process does what people do, from the login to an accepted delivery, over HTTP
//! against its own listener.
//!
//! It has a venue, a number and two members of staff of its own, in a division that does not exist ([`DIVISION`]); their
//! passwords are random and known to nobody. Its alerts are drills, always, and warn its own person only: a trace with
//! anybody else in it ends the run. Two people approve, every act is recorded, and what is left of a run is deleted after
//! it, so that it stands in no list for longer than it takes.

mod stage;
mod steps;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use actix_web::web;
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_infra::lease;
pub(crate) use mashang_infra::store::canary as rows;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use self::stage::Stage;
use crate::client::Client;
use crate::state::App;

/// The job whose finished ticks are the runs that went well.
pub(crate) const JOB: &str = "canary";
/// 99 is no province of GB/T 2260.
const DIVISION: &str = "990000";
/// How often it is looked whether a run is due.
const LOOK: Duration = Duration::from_secs(10);
/// What one request may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// What one run may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a run came to: seconds by step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) seconds: BTreeMap<String, f64>,
}

/// Why a run ended early. Says ids and words only.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {reason}")]
pub(crate) struct Failed {
    step: &'static str,
    reason: String,
}

/// The steps, in their order.
pub(crate) const STEPS: [&str; 6] = ["stage", "login", "scan", "trace", "alert", "delivery"];

/// Starts the loop, where the settings want one. `address` is where this process listens.
pub(crate) fn start(app: &web::Data<App>, address: SocketAddr) {
    if app.settings.canary.every_minutes == 0 {
        return;
    }
    for step in STEPS {
        failures(step).increment(0);
    }
    match Client::new(&reached_at(address).to_string(), Some(TIMEOUT)) {
        Ok(client) => {
            app.lifecycle.spawn("canary", run(app.clone(), client));
        }
        Err(error) => complain(&Failed::at("stage")(error)),
    }
}

/// A listener that is bound to every address is reached over the loopback.
fn reached_at(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

async fn run(app: web::Data<App>, client: Client) {
    let heartbeat = app.lifecycle.heartbeat("canary");
    loop {
        if !app.gate.is_ended().await {
            match tokio::time::timeout(PATIENCE, tick(&app, &client)).await {
                Ok(Ok(())) => {}
                Ok(Err(failed)) => complain(&failed),
                Err(_) => complain(&Failed { step: "delivery", reason: "it took too long".to_owned() }),
            }
        }
        heartbeat.beat();
        if app.lifecycle.soft.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

fn failures(step: &'static str) -> metrics::Counter {
    metrics::counter!("mashang_canary_failures_total", "step" => step)
}

fn complain(failed: &Failed) {
    failures(failed.step).increment(1);
    tracing::error!(step = failed.step, reason = %failed.reason, "the self-test failed");
}

/// One run, when it is due and nobody else has it.
async fn tick(app: &web::Data<App>, client: &Client) -> Result<(), Failed> {
    let away = |e: sea_orm::DbErr| Failed { step: "stage", reason: e.to_string() };
    let now = app.clock.now();
    let every = app.settings.canary.every_minutes * MINUTE;
    let tick = Timestamp(now.millis() - now.millis().rem_euclid(every));
    if !lease::try_claim_tick(app.db.conn(), JOB, tick, now).await.map_err(away)? {
        return Ok(());
    }
    let (mut run, mut begun) = (Run::default(), Instant::now());
    let mut took = |run: &mut Run, step: &str| {
        run.seconds.insert(step.to_owned(), begun.elapsed().as_secs_f64());
        begun = Instant::now();
    };
    let stage = Stage::set(app, client).await?;
    took(&mut run, "stage");
    let walked = async {
        steps::log_in(app, client, &stage).await?;
        took(&mut run, "login");
        steps::scan(app, &stage).await?;
        took(&mut run, "scan");
        let trace = steps::trace(app, &stage).await?;
        took(&mut run, "trace");
        let alert = steps::alert(&stage, &trace).await?;
        took(&mut run, "alert");
        steps::delivery(&stage, &alert).await?;
        took(&mut run, "delivery");
        Ok(())
    };
    let walked: Result<(), Failed> = walked.await;
    stage.clear(app).await?;
    walked?;
    let result = serde_json::to_string(&run).unwrap_or_default();
    lease::finish_tick(app.db.conn(), JOB, tick, app.clock.now(), &result).await.map_err(away)?;
    tracing::info!(seconds = ?run.seconds, "the self-test went well");
    Ok(())
}

/// The figures of the last run that went well, for the alarm; in every process, from the database.
pub(crate) async fn report(app: &App) -> Result<(), sea_orm::DbErr> {
    if app.settings.canary.every_minutes == 0 {
        return Ok(());
    }
    let last = lease::last_finished(app.db.conn(), JOB).await?;
    let at = last.as_ref().map_or(0, |tick| tick.finished_at.secs());
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
    metrics::gauge!("mashang_canary_last_success_timestamp").set(at as f64);
    let run: Run = last.and_then(|tick| serde_json::from_str(&tick.result).ok()).unwrap_or_default();
    for (step, seconds) in run.seconds {
        metrics::gauge!("mashang_canary_seconds", "step" => step).set(seconds);
    }
    Ok(())
}

impl Failed {
    fn at(step: &'static str) -> impl Fn(anyhow::Error) -> Self {
        move |error| Self { step, reason: format!("{error:#}") }
    }
}
