//! Connections between api and PostgreSQL that break, or do not even do that.

use std::time::Duration;

use tokio::time::sleep;

use super::capacity::half;
use crate::checker::Excused;
use crate::proxy::AtCommit;
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted, first_2xx_after};
use crate::world::World;

/// More bytes than a group of scans takes on its way to PostgreSQL, begin to commit.
const EXCHANGE: i64 = 8_000;

/// How long the service may be away after its connections fell silent.
const BACK: f64 = 15.0;

const PROXIED: Wanted<'_> = Wanted { apis: 1, proxied: true, settings: &[], env: &[], database: None };

/// F-14: nobody tells the api that its connections are dead. New ones would work.
pub async fn black_hole(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, PROXIED).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(2)).await;
    let (mut slowest, mut holes) = (0.0_f64, Vec::new());
    for round in 0..if world.short { 2 } else { 4 } {
        match round % 2 {
            0 => stage.proxy()?.swallow_all(),
            _ => stage.proxy()?.swallow_half(),
        }
        holes.push(stage.now());
        let ready = stage.api().ready(Duration::from_secs(40)).await?;
        slowest = slowest.max(ready.as_secs_f64());
        sleep(Duration::from_secs(if world.short { 8 } else { 15 })).await;
    }
    load.end().await?;
    stage.report.at_most("I11", "ready again", slowest, BACK, "s");
    let (mut report, entries) = stage.check(Excused::default()).await?;
    let back = holes.iter().map(|at| first_2xx_after(&entries, *at)).fold(0.0, f64::max);
    report.at_most("I11", "first 2xx of a scan sent after it", back, BACK, "s");
    Ok(report)
}

/// A network that takes 20 ms for every piece of bytes, and then one that takes two seconds.
pub async fn slow(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, PROXIED).await?;
    let load = stage.honest(rate);
    for delay in [20, 2_000] {
        stage.proxy()?.slow(Duration::from_millis(delay));
        sleep(Duration::from_secs(6)).await;
    }
    stage.proxy()?.slow(Duration::ZERO);
    let at = stage.now();
    let ready = stage.api().ready(Duration::from_secs(30)).await?;
    sleep(Duration::from_secs(3)).await;
    load.end().await?;
    stage.report.at_most("I11", "ready after it is quick again", ready.as_secs_f64(), 5.0, "s");
    let (mut report, entries) = stage.check(Excused::default()).await?;
    report.at_most("I11", "first 2xx after it", first_2xx_after(&entries, at), 5.0, "s");
    Ok(report)
}

/// F-12: a reset at every byte of the exchange, one after the other.
pub async fn mid(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, PROXIED).await?;
    let load = stage.honest(rate);
    let cuts = if world.short { 50 } else { 600 };
    for n in 0..cuts {
        let before = stage.proxy()?.cuts();
        stage.proxy()?.light_fuse(n * 37 % EXCHANGE);
        for _ in 0..100 {
            if stage.proxy()?.cuts() > before {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
    let ended = stage.now();
    sleep(Duration::from_secs(2)).await;
    load.end().await?;
    let made = stage.proxy()?.cuts();
    stage.report.line("", "connections cut", format!("{made}"), made * 10 > usize::try_from(cuts)? * 9);
    let (mut report, entries) = stage.check(Excused::default()).await?;
    report.at_most("I11", "first 2xx after the last cut", first_2xx_after(&entries, ended), 2.0, "s");
    Ok(report)
}

/// F-13: the client of the database cannot know whether its COMMIT was carried out.
pub async fn commit(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let wanted_cuts = if world.short { 60 } else { 600 };
    let mut stage = Stage::set(world, name, PROXIED).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(1)).await;
    let mut made = Vec::new();
    for what in [AtCommit::CutAfter, AtCommit::CutBefore] {
        let before = stage.proxy()?.cuts();
        stage.proxy()?.at_commit(what, 3);
        while stage.proxy()?.cuts() < before + wanted_cuts {
            sleep(Duration::from_millis(20)).await;
        }
        made.push(stage.proxy()?.cuts() - before);
    }
    stage.proxy()?.at_commit(AtCommit::Pass, 1);
    let ended = stage.now();
    sleep(Duration::from_secs(2)).await;
    load.end().await?;
    stage.report.line(
        "",
        "commits in doubt, commits lost",
        format!("{made:?}"),
        made.iter().all(|n| *n >= wanted_cuts),
    );
    let (mut report, entries) = stage.check(Excused::default()).await?;
    report.at_most("I11", "first 2xx after the last cut", first_2xx_after(&entries, ended), 2.0, "s");
    Ok(report)
}
