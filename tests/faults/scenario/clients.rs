//! Clients that are slow, rude or far too many, beside honest ones.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::capacity::half;
use crate::api::Memory;
use crate::checker::Excused;
use crate::figures::Figures;
use crate::report::Report;
use crate::stage::{Name, Stage, Wanted, first_2xx_after};
use crate::wire::Wire;
use crate::world::World;

/// Noise of a small machine, in milliseconds.
const NOISE: f64 = 30.0;

/// 2,000 idle connections and 500 that send a byte a second, of a head or of a body.
pub async fn slow(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await? / 2.0;
    let (time, idle, slow) = if world.short { (8, 500, 100) } else { (30, 2_000, 500) };
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let port = stage.api().port;
    let calm = stage.now();
    stage.load(rate, Duration::from_secs(8), Duration::from_secs(30)).through().await?;
    let mut waiting = Vec::new();
    for _ in 0..idle {
        waiting.push(Wire::connect(port).await?);
    }
    let mut dripping = JoinSet::new();
    for n in 0..slow {
        let (person, code) = stage.clients.crowd.draw(&mut StdRng::seed_from_u64(n));
        let scan = stage.clients.crowd.scan(person, code, &format!("slow-{n}"));
        dripping.spawn(drip(port, scan, n % 2 == 0));
    }
    let from = stage.now();
    stage.load(rate, Duration::from_secs(time), Duration::from_secs(30)).through().await?;
    let to = stage.now();
    let cut = timeout(Duration::from_secs(30), dripping.join_all()).await.unwrap_or_default();
    let longest = cut.iter().flatten().copied().fold(0.0, f64::max);
    let ended = cut.iter().flatten().count();
    drop(waiting);
    giant(&mut stage).await?;
    let (mut report, entries) = stage.check(Excused::default()).await?;
    let before = Figures::between(&entries, calm, from).latency_ms(99.0);
    let beside = Figures::between(&entries, from, to).latency_ms(99.0);
    report.note(&format!(
        "honest p99 {before:.1} ms alone, {beside:.1} ms beside {idle} idle and {slow} slow connections"
    ));
    report.at_most("", "honest p99 beside them", beside, 2.0 * before + NOISE, "ms");
    report.line(
        "",
        "slow ones are cut",
        format!("{ended} of {slow}, after {longest:.1} s at the latest"),
        u64::try_from(ended)? == slow,
    );
    Ok(report)
}

/// A byte a second of a request, until the api ends it: seconds, or nothing if it never does.
async fn drip(port: u16, scan: Vec<u8>, in_head: bool) -> Option<f64> {
    let mut wire = Wire::connect(port).await.ok()?;
    let head = scan.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
    let begun = Instant::now();
    let at_once = if in_head { 10 } else { head };
    wire.stream.write_all(&scan[..at_once]).await.ok()?;
    let mut answer = [0; 1024];
    for byte in &scan[at_once..] {
        if begun.elapsed() > Duration::from_secs(45) {
            return None;
        }
        match timeout(Duration::from_secs(1), wire.stream.read(&mut answer)).await {
            // An answer is the end of it when the connection is closed after it.
            Ok(Ok(n)) if n > 0 => {}
            Ok(_) => return Some(begun.elapsed().as_secs_f64()),
            Err(_) => {
                if wire.stream.write_all(&[*byte]).await.is_err() {
                    return Some(begun.elapsed().as_secs_f64());
                }
            }
        }
    }
    None
}

/// A gigabyte where at most 64 kB are taken.
async fn giant(stage: &mut Stage) -> anyhow::Result<()> {
    let (port, memory) = (stage.api().port, Memory::watch(stage.api().pid()));
    let scan = stage.clients.crowd.scan(0, 0, "giant");
    let text = String::from_utf8(scan)?;
    let (head, _) = text.split_once("Content-Length").unwrap_or((&text, ""));
    let mut wire = Wire::connect(port).await?;
    wire.stream.write_all(format!("{head}Content-Length: 1000000000\r\n\r\n").as_bytes()).await?;
    let (block, mut sent, mut status) = (vec![b' '; 65_536], 0_u64, 0);
    while sent < 1_000_000_000 && status == 0 {
        tokio::select! {
            biased;
            answer = wire.answer() => { status = answer.map_or(1, |a| a.status); continue }
            () = sleep(Duration::from_micros(100)) => {}
        }
        if wire.stream.write_all(&block).await.is_err() {
            status = wire.answer().await.map_or(1, |a| a.status);
        }
        sent += block.len() as u64;
    }
    let figure = format!("answered {status} after {} kB", sent / 1_000);
    stage.report.line("", "a body of 1 GB is refused", figure, status == 413);
    stage.report.at_most("", "resident memory grows by", memory.grown_mb(), 5.0, "MB");
    Ok(())
}

/// F-29: clients that hang up at some point of their request, each in one of three ways, and send it again.
pub async fn hang_up(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await?;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate / 2.0);
    let (port, mut chance) = (stage.api().port, StdRng::seed_from_u64(world.seed));
    let (mut hung_up, mut wrong) = (0, 0);
    for n in 0..if world.short { 60 } else { 600 } {
        let (person, code) = stage.clients.crowd.draw(&mut chance);
        let scan = stage.clients.crowd.scan(person, code, &format!("rude-{n}"));
        // Twenty points: within the head, within the body, and some milliseconds after the last byte.
        let point = n % 20;
        let cut = if point < 14 { scan.len() * point / 14 } else { scan.len() };
        let mut wire = Wire::connect(port).await?;
        wire.stream.write_all(&scan[..cut]).await?;
        sleep(Duration::from_millis(u64::try_from(point.saturating_sub(13))?)).await;
        match chance.random_range(0..3) {
            0 => drop(wire),
            1 => wire.stream.set_zero_linger().map(|()| drop(wire))?,
            _ => {
                wire.stream.shutdown().await?;
                let _ = timeout(Duration::from_millis(200), wire.answer()).await;
            }
        }
        hung_up += 1;
        let door = &stage.clients.doors[0];
        // Sent again, twice, by a client of better manners: one scan, one id.
        let (first, second) = (door.ask(&scan).await?, door.ask(&scan).await?);
        stage.clients.witness(person, &format!("rude-{n}"), &first);
        stage.clients.witness(person, &format!("rude-{n}"), &second);
        wrong += usize::from(!(200..300).contains(&first.status) || second.status != 200);
    }
    load.end().await?;
    let figure =
        format!("{hung_up} clients hung up at 20 points in 3 ways, {wrong} had another answer afterwards");
    stage.report.line("", "the same answer afterwards", figure, wrong == 0);
    Ok(stage.check(Excused::default()).await?.0)
}

/// F-37: fewer file descriptors than clients.
pub async fn files(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let rate = half(world, name.form).await? / 2.0;
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    let load = stage.honest(rate);
    sleep(Duration::from_secs(2)).await;
    let open = stage.api().open_files();
    stage.api().limit_files(u64::try_from(open + 20)?)?;
    let port = stage.api().port;
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(Wire::connect(port).await?);
    }
    let (cpu, begun) = (stage.api().cpu_seconds(), Instant::now());
    sleep(Duration::from_secs(5)).await;
    let share = (stage.api().cpu_seconds() - cpu) / begun.elapsed().as_secs_f64();
    stage
        .report
        .note(&format!("{open} files before, 20 more allowed, 200 clients more; CPU {:.0} %", share * 100.0));
    drop(crowd);
    stage.api().limit_files(10_000)?;
    let at = stage.now();
    let ready = stage.api().ready(Duration::from_secs(30)).await?;
    sleep(Duration::from_secs(2)).await;
    load.end().await?;
    stage.report.at_most("I11", "ready after there are files again", ready.as_secs_f64(), 2.0, "s");
    // Whoever comes when there is no descriptor waits in the backlog, and may be told to go.
    let (mut report, entries) = stage.check(Excused { broken: true, unanswered: false }).await?;
    report.at_most("I11", "first 2xx after it", first_2xx_after(&entries, at), 2.0, "s");
    Ok(report)
}
