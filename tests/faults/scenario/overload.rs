//! More than the api can take, for a while.

use std::time::Duration;

use tokio::time::sleep;

use super::capacity::capacity;
use crate::api::Memory;
use crate::checker::Excused;
use crate::figures::Figures;
use crate::journal::{End, Entry};
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted};
use crate::world::World;

/// How soon the excess is told to come again, in milliseconds.
const REFUSED: f64 = 100.0;
/// The share of the capacity that is acknowledged however much is wanted.
const GOODPUT: f64 = 0.8;
/// Seconds until the latency is an ordinary one again.
const NORMAL: f64 = 5.0;

/// In a burst clients are stubborn; where refusing costs as much as serving, not all are served within their minute.
const STUBBORN: Excused = Excused { broken: false, unanswered: cfg!(debug_assertions) };

/// Clients that take no for an answer: what is refused is gone.
const MEEK: Excused = Excused { broken: false, unanswered: true };

/// Open-loop steps up to twice the capacity.
pub async fn steps(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let capacity = capacity(world, name.form).await?;
    let time = Duration::from_secs(if world.short { 5 } else { 10 });
    let shares: &[f64] = if world.short { &[0.5, 2.0] } else { &[0.25, 0.5, 1.0, 1.5, 2.0] };
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let memory = Memory::watch(stage.api().pid());
    let mut spans = Vec::new();
    for share in shares {
        let from = stage.now();
        stage.load(capacity * share, time, Duration::ZERO).through().await?;
        spans.push((*share, from, from + u64::try_from(time.as_micros())?));
        sleep(Duration::from_secs(1)).await;
    }
    // The time from the end of the overload to ordinary answers at half of the capacity.
    let over = stage.now();
    stage.load(capacity / 2.0, Duration::from_secs(6), Duration::ZERO).through().await?;
    let grown = memory.grown_mb();
    let (mut report, entries) = stage.check(MEEK).await?;
    let mut usual = 0.0;
    for (share, from, to) in spans {
        let at = Figures::between(&entries, from, to);
        step(&mut report, share, capacity, &at);
        if share <= 0.5 {
            usual = at.latency_ms(99.0);
        }
    }
    report.speed_at_most("", "resident memory grows by", grown, 150.0, "MB");
    let back = normal_after(&entries, over, usual);
    report.speed_at_most("I11", "p99 normal again after the overload", back, NORMAL, "s");
    Ok(report)
}

fn step(report: &mut Report, share: f64, capacity: f64, at: &Figures<'_>) {
    let refused = at.count(|e| e.end == End::Status(503));
    report.note(&format!(
        "{:3.0} %: {:6.0}/s wanted, {:6.0}/s acknowledged, {refused} refused, p50 {:.0} ms, p99 {:.0} ms, 503 p99 {:.0} ms",
        share * 100.0, capacity * share, at.goodput(), at.latency_ms(50.0), at.latency_ms(99.0), at.refusal_ms(99.0),
    ));
    let bound = GOODPUT * capacity * share.min(1.0);
    report.speed_at_least("", &format!("goodput at {:.0} %", share * 100.0), at.goodput(), bound, "/s");
    if refused > 0 {
        report.speed_at_most("I12", "the excess is refused within (p99)", at.refusal_ms(99.0), REFUSED, "ms");
    }
}

/// Ten times the usual rate for one second.
pub async fn burst(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let usual_rate = capacity(world, name.form).await? / 4.0;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let calm = stage.now();
    stage.load(usual_rate, Duration::from_secs(8), Duration::ZERO).through().await?;
    let from = stage.now();
    let usual_goes_on = stage.load(usual_rate, Duration::from_secs(20), Duration::from_secs(60));
    let burst = stage.load(usual_rate * 9.0, Duration::from_secs(1), Duration::from_secs(60));
    sleep(Duration::from_secs(1)).await;
    let over = stage.now();
    burst.through().await?;
    usual_goes_on.through().await?;
    let (mut report, entries) = stage.check(STUBBORN).await?;
    let before = Figures::between(&entries, calm, from).latency_ms(99.0);
    let during = Figures::between(&entries, from, over);
    let refused = during.count(|e| e.end == End::Status(503));
    report.note(&format!(
        "p99 before {before:.0} ms, in the burst {:.0} ms, {refused} refused",
        during.latency_ms(99.0)
    ));
    let normal = normal_after(&entries, over, before);
    report.speed_at_most("I11", "p99 normal again after the burst", normal, NORMAL, "s");
    Ok(report)
}

/// Seconds after `at` until a whole half second has an ordinary p99 again: at most twice the usual and 50 ms.
fn normal_after(entries: &[Entry], at: u64, usual_ms: f64) -> f64 {
    const HALF: u64 = 500_000;
    let last = entries.iter().map(|e| e.intended).max().unwrap_or(at);
    let mut from = at;
    while from + HALF <= last {
        let window = Figures::between(entries, from, from + HALF);
        if window.count(Entry::is_2xx) > 0 && window.latency_ms(99.0) <= 2.0 * usual_ms + 50.0 {
            return (from - at) as f64 / 1e6;
        }
        from += HALF / 5;
    }
    f64::INFINITY
}
