//! Redis away, frozen, emptied, full: that costs delay, never a warning, and makes none come twice.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{USUAL_PACE, drained, lasts};
use crate::dispatch::{Dispatch, Expected, LEASE, Notifier, Wanted, wall};
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// F-05: the loss of the server with everything in it, three times.
pub async fn lost(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted::default()).await?;
    stage.approve().await?;
    let mut ups = Vec::new();
    for n in 1..=3 {
        stage.told(0.2 * f64::from(n)).await?;
        world.redis.kill();
        sleep(Duration::from_millis(if world.short { 300 } else { 1_500 })).await;
        world.redis.start()?;
        ups.push(wall());
    }
    drained(&mut stage, USUAL_PACE).await?;
    let slowest = ups.iter().map(|at| stage.first_after(*at)).fold(0.0, f64::max);
    stage.report.at_most("I11", "first message after each loss, slowest", slowest, 5.0, "s");
    if !world.short {
        cpu_without_redis(world, &mut stage).await?;
    }
    queue_is_empty(world, &mut stage).await?;
    stage.check(world, Expected::default()).await
}

/// Nobody turns in circles while Redis is away.
async fn cpu_without_redis(world: &mut World, stage: &mut Dispatch) -> anyhow::Result<()> {
    world.redis.kill();
    let (cpu, begun) = (stage.notifiers[0].cpu_seconds(), Instant::now());
    sleep(Duration::from_secs(4)).await;
    let share = (stage.notifiers[0].cpu_seconds() - cpu) / begun.elapsed().as_secs_f64();
    world.redis.start()?;
    stage.report.at_most("", "CPU of a notifier without Redis", share * 100.0, 20.0, "%");
    Ok(())
}

/// F-06: notifiers and alert are there first.
pub async fn absent(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted { notifiers: 0, ..Wanted::default() }).await?;
    world.redis.kill();
    stage.add_notifier().await?;
    stage.add_notifier().await?;
    let ready = stage.notifiers[0].ready(Duration::from_secs(10)).await.is_ok();
    stage.report.line("I11", "ready without Redis", format!("{ready}"), ready);
    stage.approve().await?;
    sleep(lasts(world, 8, 30)).await;
    stage.report.note(&format!("{} messages without Redis", stage.provider().taken()));
    world.redis.start()?;
    let begun = Instant::now();
    stage.told(0.02).await?;
    stage.report.at_most(
        "I11",
        "first messages after Redis is there",
        begun.elapsed().as_secs_f64(),
        5.0,
        "s",
    );
    drained(&mut stage, USUAL_PACE).await?;
    queue_is_empty(world, &mut stage).await?;
    stage.check(world, Expected::default()).await
}

/// F-07: it takes connections and answers nothing for ten seconds; what it was told meanwhile it does afterwards.
pub async fn pause(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted::default()).await?;
    stage.approve().await?;
    stage.told(0.1).await?;
    world.redis.signal("STOP");
    sleep(Duration::from_secs(10)).await;
    let before = stage.provider().taken();
    world.redis.signal("CONT");
    let begun = Instant::now();
    while stage.provider().taken() == before && begun.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(10)).await;
    }
    stage.report.at_most("I11", "messages go on after", begun.elapsed().as_secs_f64(), 2.0, "s");
    drained(&mut stage, USUAL_PACE).await?;
    queue_is_empty(world, &mut stage).await?;
    stage.check(world, Expected::default()).await
}

/// F-08: a server that would evict is refused; one that is full refuses what it is given.
pub async fn full(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted::default()).await?;
    world.redis.say(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    let refused = Notifier::start(&stage.folder.join("notifier.toml"), "refused").await;
    world.redis.say(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])?;
    let said = refused.err().map_or("it started".to_owned(), |e| format!("{e:#}"));
    let named = said.contains("maxmemory-policy");
    stage.report.line(
        "",
        "a Redis that evicts is refused",
        if named { "by name".to_owned() } else { said },
        named,
    );
    stage.approve().await?;
    stage.told(0.1).await?;
    world.redis.say(&["CONFIG", "SET", "maxmemory", "1"])?;
    let cpu = stage.notifiers[0].cpu_seconds();
    sleep(Duration::from_secs(6)).await;
    let cpu = stage.notifiers[0].cpu_seconds() - cpu;
    stage.report.note(&format!("CPU of a notifier while Redis is full {:.0} %", cpu / 6.0 * 100.0));
    world.redis.say(&["CONFIG", "SET", "maxmemory", "0"])?;
    drained(&mut stage, USUAL_PACE).await?;
    queue_is_empty(world, &mut stage).await?;
    stage.check(world, Expected::default()).await
}

/// What dead or late consumers held has come back and is gone.
async fn queue_is_empty(world: &World, stage: &mut Dispatch) -> anyhow::Result<()> {
    let stream = format!("{{{}:queue}}:alert", stage.prefix);
    let begun = Instant::now();
    let mut left = world.redis.say(&["XLEN", &stream])?;
    while left != "0" && begun.elapsed() < 4 * LEASE {
        sleep(Duration::from_millis(100)).await;
        left = world.redis.say(&["XLEN", &stream])?;
    }
    stage.report.line("", "nothing is left in the queue", format!("{left} entries"), left == "0");
    Ok(())
}
