//! Processes of ours that die.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use super::capacity::half;
use crate::checker::Excused;
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted};
use crate::world::World;

/// A start ends within this time, as `/readyz` sees it.
const READY: f64 = 2.0;

const KILLED: Excused = Excused { broken: true, unanswered: false };

/// F-01.
pub async fn kill(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let (kills, mut chance) = (if world.short { 10 } else { 50 }, StdRng::seed_from_u64(world.seed));
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    let mut slowest: f64 = 0.0;
    for _ in 0..kills {
        sleep(Duration::from_millis(chance.random_range(100..700))).await;
        slowest = slowest.max(kill_and_start(&mut stage, 0).await?);
    }
    sleep(Duration::from_secs(1)).await;
    load.end().await?;
    stage.report.line("I11", "started again after each kill", format!("{kills} kills"), true);
    stage.report.at_most("I11", "ready again, the slowest", slowest, READY, "s");
    Ok(stage.check(KILLED).await?.0)
}

/// SIGKILL, start; seconds until it is ready.
async fn kill_and_start(stage: &mut Stage, n: usize) -> anyhow::Result<f64> {
    let api = &mut stage.apis[n];
    api.kill();
    let begun = Instant::now();
    tokio::task::block_in_place(|| api.again())?;
    api.ready(Duration::from_secs(10)).await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Two apis; a client whose api dies goes to the other one with the same key.
pub async fn two(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let (kills, mut chance) = (if world.short { 4 } else { 20 }, StdRng::seed_from_u64(world.seed));
    let mut stage = Stage::set(world, name, Wanted { apis: 2, ..Wanted::default() }).await?;
    let load = stage.honest(rate);
    for n in 0..kills {
        sleep(Duration::from_millis(chance.random_range(300..1_500))).await;
        kill_and_start(&mut stage, n % 2).await?;
    }
    load.end().await?;
    let (mut report, entries) = stage.check(KILLED).await?;
    // There was always one that could serve.
    let slowest = entries.iter().filter(|e| e.is_2xx()).map(|e| e.done - e.sent).max().unwrap_or(0);
    report.at_most("I11", "one api is always there: slowest 2xx", slowest as f64 / 1e6, 5.0, "s");
    Ok(report)
}
