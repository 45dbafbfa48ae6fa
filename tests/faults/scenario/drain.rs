//! F-03: SIGTERM at full load.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::capacity::half;
use crate::checker::Excused;
use crate::journal::End;
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted};
use crate::world::World;

/// As the settings say: requests in work get ten seconds.
const EXIT: f64 = 10.0;

pub async fn drain(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    let (mut signals, mut slowest, mut codes) = (Vec::new(), 0.0_f64, Vec::new());
    for _ in 0..if world.short { 2 } else { 8 } {
        sleep(Duration::from_secs(2)).await;
        signals.push(stage.now());
        stage.api().signal("TERM");
        let begun = Instant::now();
        let ended = tokio::task::block_in_place(|| stage.api().wait(Duration::from_secs(20)));
        slowest = slowest.max(begun.elapsed().as_secs_f64());
        codes.push(ended.and_then(|status| status.code()));
        tokio::task::block_in_place(|| stage.api().again())?;
    }
    sleep(Duration::from_secs(1)).await;
    load.end().await?;
    let clean = codes.iter().filter(|code| **code == Some(0)).count();
    stage.report.line("", "exit status 0", format!("{clean} of {}", codes.len()), clean == codes.len());
    stage.report.at_most("", "exit after, slowest", slowest, EXIT, "s");
    let (mut report, entries) = stage.check(Excused { broken: true, unanswered: false }).await?;
    // What was on its way when the signal came is answered; who comes later finds nobody and asks again.
    let in_work = |e: &&crate::journal::Entry| signals.iter().any(|at| e.sent < *at && e.done > *at);
    let held: Vec<_> = entries.iter().filter(in_work).collect();
    let reset = held.iter().filter(|e| e.end == End::Broken).count();
    let figure = format!("{} requests in work at {} signals, {reset} reset", held.len(), signals.len());
    report.line("I12", "what is in work is answered", figure, reset == 0);
    Ok(report)
}
