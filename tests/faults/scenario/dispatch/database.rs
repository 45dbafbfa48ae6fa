//! PostgreSQL and the way to it, while an alert goes out.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{USUAL_PACE, drained};
use crate::dispatch::{Dispatch, Expected, USUAL, Wanted, wall};
use crate::proxy::AtCommit;
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// How long notifiers may be away after their connections fell silent.
const BACK: f64 = 15.0;
/// More bytes than a claim takes on its way to PostgreSQL.
const EXCHANGE: i64 = 8_000;

const PROXIED: Wanted<'_> = Wanted {
    apis: 1,
    notifiers: 2,
    providers: 1,
    gates: USUAL,
    proxied: true,
    settings: &[],
    control: false,
};

/// F-10: fast, and immediate; for a moment, and for longer than outcomes are tried to be recorded.
pub async fn restart(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted::default()).await?;
    stage.approve().await?;
    stage.told(0.1).await?;
    let (mut ups, mut ready) = (Vec::new(), 0.0_f64);
    for (signal, away) in [("INT", 300), ("QUIT", 300), ("INT", 6_000), ("QUIT", 2_000)] {
        world.postgres.stop(signal)?;
        sleep(Duration::from_millis(away)).await;
        tokio::task::block_in_place(|| world.postgres.start())?;
        ups.push(wall());
        for notifier in &stage.notifiers {
            ready = ready.max(notifier.ready(Duration::from_secs(30)).await?.as_secs_f64());
        }
        sleep(Duration::from_secs(1)).await;
    }
    stage.report.at_most("I11", "ready after PostgreSQL is up, slowest", ready, 2.0, "s");
    drained(&mut stage, USUAL_PACE).await?;
    let first = ups.iter().map(|at| stage.first_after(*at)).fold(0.0, f64::max);
    stage.report.at_most("I11", "first message after it is up, slowest", first, 2.0, "s");
    stage.check(world, Expected::default()).await
}

/// F-12: a reset at every byte of the exchange, one after the other.
pub async fn mid(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, PROXIED).await?;
    stage.approve().await?;
    let cuts = if world.short { 30 } else { 150 };
    for n in 0..cuts {
        let before = cut_so_far(&stage);
        if let Some(proxy) = &stage.proxy {
            proxy.light_fuse(n * 53 % EXCHANGE);
        }
        let begun = Instant::now();
        while cut_so_far(&stage) == before && begun.elapsed() < Duration::from_secs(1) {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_millis(60)).await;
    }
    let made = cut_so_far(&stage);
    stage.report.line("", "connections cut", format!("{made}"), made * 10 > usize::try_from(cuts)? * 9);
    drained(&mut stage, USUAL_PACE).await?;
    stage.check(world, Expected::default()).await
}

/// F-13: the notifier cannot know whether its COMMIT was carried out.
pub async fn commit(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, PROXIED).await?;
    stage.approve().await?;
    let wanted = if world.short { 15 } else { 60 };
    let mut made = Vec::new();
    for what in [AtCommit::CutAfter, AtCommit::CutBefore] {
        let (before, begun) = (cut_so_far(&stage), Instant::now());
        if let Some(proxy) = &stage.proxy {
            proxy.at_commit(what, 3);
        }
        while cut_so_far(&stage) < before + wanted && begun.elapsed() < Duration::from_secs(20) {
            sleep(Duration::from_millis(10)).await;
        }
        made.push(cut_so_far(&stage) - before);
    }
    if let Some(proxy) = &stage.proxy {
        proxy.at_commit(AtCommit::Pass, 1);
    }
    let enough = made.iter().all(|n| *n >= wanted);
    stage.report.line("", "commits in doubt, commits lost", format!("{made:?}"), enough);
    drained(&mut stage, USUAL_PACE).await?;
    stage.check(world, Expected::default()).await
}

/// F-14: nobody tells the notifiers that their connections are dead. New ones would work.
pub async fn black_hole(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, PROXIED).await?;
    stage.approve().await?;
    stage.told(0.1).await?;
    if let Some(proxy) = &stage.proxy {
        proxy.swallow_all();
    }
    let (at, mut ready) = (wall(), 0.0_f64);
    // The processes notice when they next want something.
    sleep(Duration::from_millis(200)).await;
    for notifier in &stage.notifiers {
        ready = ready.max(notifier.ready(Duration::from_secs(40)).await?.as_secs_f64());
    }
    stage.report.at_most("I11", "ready again", ready, BACK, "s");
    drained(&mut stage, USUAL_PACE).await?;
    let first = stage.first_after(at + 100);
    stage.report.at_most("I11", "first message after it", first, BACK, "s");
    let silence = stage.silence();
    stage.report.at_most("I11", "longest time without a message", silence, BACK, "s");
    stage.check(world, Expected::default()).await
}

fn cut_so_far(stage: &Dispatch) -> usize {
    stage.proxy.as_ref().map_or(0, crate::proxy::Proxy::cuts)
}
