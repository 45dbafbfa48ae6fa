//! PostgreSQL itself: restarted, killed, frozen, full.

use std::time::Duration;

use tokio::time::sleep;

use super::capacity::half;
use crate::api::Memory;
use crate::checker::Excused;
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted, first_2xx_after};
use crate::world::World;

/// F-10 and F-11: how the server goes down, and what the client sees of it.
#[derive(Debug, Clone, Copy)]
enum Down {
    /// Sessions are ended, then a clean shutdown.
    Fast,
    /// Everybody leaves at once; the next start recovers.
    Immediate,
    /// SIGKILL to every process.
    Killed,
}

pub async fn fast(world: &mut World, name: Name) -> anyhow::Result<Report> {
    down(world, name, Down::Fast).await
}

pub async fn immediate(world: &mut World, name: Name) -> anyhow::Result<Report> {
    down(world, name, Down::Immediate).await
}

pub async fn killed(world: &mut World, name: Name) -> anyhow::Result<Report> {
    down(world, name, Down::Killed).await
}

async fn down(world: &mut World, name: Name, how: Down) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    let (mut ups, mut slowest) = (Vec::new(), 0.0_f64);
    for n in 0..if world.short { 2 } else { 5 } {
        sleep(Duration::from_secs(2)).await;
        match how {
            Down::Fast => world.postgres.stop("INT")?,
            Down::Immediate => world.postgres.stop("QUIT")?,
            Down::Killed => world.postgres.kill_all()?,
        }
        // Away for a moment, and for longer than a pool waits.
        sleep(Duration::from_millis(if n % 2 == 0 { 200 } else { 4_000 })).await;
        tokio::task::block_in_place(|| world.postgres.start())?;
        ups.push(stage.now());
        slowest = slowest.max(stage.api().ready(Duration::from_secs(30)).await?.as_secs_f64());
    }
    sleep(Duration::from_secs(2)).await;
    load.end().await?;
    stage.report.at_most("I11", "ready after PostgreSQL is up, slowest", slowest, 2.0, "s");
    let (mut report, entries) = stage.check(Excused::default()).await?;
    let back = ups.iter().map(|at| first_2xx_after(&entries, *at)).fold(0.0, f64::max);
    report.at_most("I11", "first 2xx after it is up, slowest", back, 2.0, "s");
    Ok(report)
}

/// F-15: every process of the server stands still for ten seconds and goes on as if nothing had been.
pub async fn pause(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(3)).await;
    let memory = Memory::watch(stage.api().pid());
    world.postgres.signal_all("STOP")?;
    sleep(Duration::from_secs(10)).await;
    world.postgres.signal_all("CONT")?;
    let at = stage.now();
    let ready = stage.api().ready(Duration::from_secs(30)).await?;
    sleep(Duration::from_secs(3)).await;
    load.end().await?;
    stage.report.at_most("I11", "ready after it goes on", ready.as_secs_f64(), 3.0, "s");
    stage.report.at_most("", "resident memory grows by", memory.grown_mb(), 50.0, "MB");
    let (mut report, entries) = stage.check(Excused::default()).await?;
    report.at_most("I11", "first 2xx after it goes on", first_2xx_after(&entries, at), 3.0, "s");
    Ok(report)
}

/// F-31: other work holds the table that every scan needs, until the pool is empty.
pub async fn pool(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let settings = [("database.max_connections", "6"), ("scans.writers", "4")];
    let mut stage = Stage::set(world, name, Wanted { settings: &settings, ..Wanted::default() }).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(2)).await;
    let database =
        format!("stage_{}", stage.folder.display().to_string().rsplit('-').next().unwrap_or_default());
    let hold = "BEGIN; LOCK TABLE scan_key, session IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(8); COMMIT";
    tokio::task::block_in_place(|| world.postgres.psql(&database, &[hold]))?;
    let at = stage.now();
    let ready = stage.api().ready(Duration::from_secs(30)).await?;
    sleep(Duration::from_secs(3)).await;
    load.end().await?;
    stage.report.at_most("I11", "ready after the lock is let go", ready.as_secs_f64(), 2.0, "s");
    let (mut report, entries) = stage.check(Excused::default()).await?;
    report.at_most("I11", "first 2xx after it", first_2xx_after(&entries, at), 2.0, "s");
    Ok(report)
}
