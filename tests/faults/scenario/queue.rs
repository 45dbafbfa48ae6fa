//! Redis away, frozen, emptied: scans need none of it.

use std::time::Duration;

use tokio::time::sleep;

use super::capacity::half;
use crate::checker::Excused;
use crate::figures::Figures;
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted};
use crate::wire::get;
use crate::world::World;

/// Of a small machine, in milliseconds; more where nothing is optimised.
const NOISE: f64 = if cfg!(debug_assertions) { 100.0 } else { 30.0 };

/// F-06: started before Redis.
pub async fn absent(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    world.redis.kill();
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(3)).await;
    let without = readiness(stage.api().port).await?;
    sleep(Duration::from_secs(if world.short { 2 } else { 25 })).await;
    world.redis.start()?;
    sleep(Duration::from_secs(3)).await;
    let with = readiness(stage.api().port).await?;
    load.end().await?;
    let figure = format!("{without} without Redis, {with} with it");
    stage.report.line("I11", "what /readyz says", figure, without == "degraded" && with == "ready");
    Ok(stage.check(Excused::default()).await?.0)
}

async fn readiness(port: u16) -> anyhow::Result<String> {
    let answer = get(port, "/readyz", Duration::from_secs(5)).await?;
    let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
    Ok(body["status"].as_str().unwrap_or_default().to_owned())
}

/// F-07: it takes connections and answers nothing for ten seconds.
pub async fn pause(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(2)).await;
    let calm = stage.now();
    sleep(Duration::from_secs(8)).await;
    let from = stage.now();
    world.redis.signal("STOP");
    sleep(Duration::from_secs(10)).await;
    let to = stage.now();
    world.redis.signal("CONT");
    sleep(Duration::from_secs(2)).await;
    load.end().await?;
    let (mut report, entries) = stage.check(Excused::default()).await?;
    let before = Figures::between(&entries, calm, from);
    let during = Figures::between(&entries, from, to);
    let (usual, frozen) = (before.latency_ms(99.0), during.latency_ms(99.0));
    report.note(&format!("p99 {usual:.1} ms before, {frozen:.1} ms while it is frozen"));
    report.at_most("", "p99 of scans while Redis is frozen", frozen, 1.2 * usual + NOISE, "ms");
    Ok(report)
}

/// F-05: FLUSHALL, and the loss of the server with everything in it, three times each.
pub async fn lost(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    let (from, cpu) = (stage.now(), stage.api().cpu_seconds());
    for _ in 0..if world.short { 1 } else { 3 } {
        sleep(Duration::from_secs(1)).await;
        world.redis.flush_all()?;
        sleep(Duration::from_secs(1)).await;
        world.redis.kill();
        sleep(Duration::from_secs(2)).await;
        world.redis.start()?;
    }
    sleep(Duration::from_secs(2)).await;
    let (to, cpu) = (stage.now(), stage.api().cpu_seconds() - cpu);
    load.end().await?;
    let ready = readiness(stage.api().port).await?;
    stage.report.line("I11", "what /readyz says afterwards", ready.clone(), ready == "ready");
    let (report, entries) = stage.check(Excused::default()).await?;
    let all = Figures::between(&entries, from, to);
    let refused = all.count(|e| !e.is_2xx());
    let mut report = report;
    report.line("", "scans do not notice", format!("{refused} answers other than 2xx"), refused == 0);
    report.note(&format!("CPU of the api {:.0} % over the scenario", cpu * 1e8 / (to - from) as f64));
    Ok(report)
}
