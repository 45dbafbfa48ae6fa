//! Notifiers that die, are stopped, or stand still.

use std::time::Duration;

use mashang_tests::fake_provider::Weather;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use super::{USUAL_PACE, drained};
use crate::dispatch::{Dispatch, Expected, LEASE, TIMEOUT, Wanted, sms, wall};
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// F-02.
pub async fn kill(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted::default()).await?;
    stage.rough(world.seed);
    stage.approve().await?;
    let (kills, mut chance) = (if world.short { 4 } else { 11 }, StdRng::seed_from_u64(world.seed));
    for _ in 0..kills {
        sleep(Duration::from_millis(1_200)).await;
        let n = chance.random_range(0..stage.notifiers.len());
        stage.notifiers[n].kill();
        stage.notifiers[n].again().await?;
    }
    stage.report.line("", "killed and started again", format!("{kills} times"), true);
    drained(&mut stage, USUAL_PACE).await?;
    stage.check(world, Expected::default()).await
}

/// F-04: every message is a call of its own, and a hundred of them are under way.
pub async fn drain(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let gates = [sms(400, 1)];
    let mut stage =
        Dispatch::set(world, name, Wanted { notifiers: 1, gates: &gates, ..Wanted::default() }).await?;
    stage.provider().weather(Weather { latency: Duration::from_millis(800), ..Weather::default() });
    stage.approve().await?;
    stage.told(0.2).await?;
    let begun = Instant::now();
    while stage.provider().open() < 100 && begun.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(2)).await;
    }
    let (open, at) = (stage.provider().open(), wall());
    stage.notifiers[0].signal("TERM");
    let begun = Instant::now();
    let status = tokio::task::block_in_place(|| stage.notifiers[0].wait(Duration::from_secs(30)));
    let took = begun.elapsed().as_secs_f64();
    stage.report.line("", "calls in flight at the signal", format!("{open}"), open >= 100);
    let clean = status.is_some_and(|s| s.success());
    stage.report.line("I11", "exit status 0", format!("{status:?}"), clean);
    stage.report.at_most("I11", "exit after", took, TIMEOUT.as_secs_f64() + 2.0, "s");
    let sending = stage.count("SELECT count(*) FROM delivery WHERE state = 'sending'").await?;
    stage.report.line("I3", "nothing is left claimed", format!("{sending} rows"), sending == 0);
    // Tasks that were taken before the signal are claimed, and given back before any call.
    let since = at + 500;
    let late =
        stage.count(&format!("SELECT count(*) FROM attempt WHERE started_at > {}", since.millis())).await?;
    let called = stage.messages().iter().filter(|m| m.at > since).count();
    let figure = format!("{late} attempts, {called} calls half a second after it");
    stage.report.line("", "no claim after the signal", figure, late == 0 && called == 0);
    let doubt = stage.standing().await?.in_doubt;
    stage.report.line("I5", "every call had its answer", format!("{doubt} in doubt"), doubt == 0);
    stage.provider().weather(Weather::default());
    stage.notifiers[0].again().await?;
    drained(&mut stage, 100.0).await?;
    stage.check(world, Expected::default()).await
}

/// F-24: for less than the lease, and for longer. Who wakes up finds that others went on.
pub async fn pause(world: &mut World, name: Name) -> anyhow::Result<Report> {
    // So slow that the other one is still at it when who slept for a minute wakes up.
    let gates = [if world.short { sms(10, 10) } else { sms(10, 3) }];
    let mut stage = Dispatch::set(world, name, Wanted { gates: &gates, ..Wanted::default() }).await?;
    stage.rough(world.seed);
    stage.approve().await?;
    stage.told(0.1).await?;
    let (nap, sleep_of) = match world.short {
        true => (LEASE / 2, LEASE + Duration::from_secs(3)),
        false => (Duration::from_secs(5), Duration::from_secs(60)),
    };
    let mut open = 0;
    for (n, pause) in [(1, nap), (0, sleep_of)] {
        let begun = Instant::now();
        while stage.provider().open() == 0 && begun.elapsed() < Duration::from_secs(2) {
            sleep(Duration::from_millis(1)).await;
        }
        open += stage.provider().open();
        stage.notifiers[n].signal("STOP");
        sleep(pause).await;
        let ahead = stage.standing().await?.ahead;
        stage.notifiers[n].signal("CONT");
        let figure = format!("{ahead} deliveries, after {:.1} s", pause.as_secs_f64());
        stage.report.line("", "others are at it when it wakes up", figure, ahead > 0);
        sleep(Duration::from_secs(1)).await;
    }
    stage.report.note(&format!("{open} calls were in flight at the pauses"));
    drained(&mut stage, if world.short { USUAL_PACE } else { 30.0 }).await?;
    stage.check(world, Expected::default()).await
}
