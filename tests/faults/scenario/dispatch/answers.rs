//! Answers, receipts and questions that are lost, late or doubled.

use std::collections::HashSet;
use std::time::Duration;

use mashang_tests::fake_provider::{Accepted, Fault, Weather};
use mashang_tests::settings::RECEIPT_SECRET;
use tokio::time::{Instant, sleep};

use super::{drained, lasts};
use crate::dispatch::{Dispatch, Expected, Gate, Wanted, sms};
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// F-20, where the provider can be asked: nobody is told twice.
pub async fn lost(world: &mut World, name: Name) -> anyhow::Result<Report> {
    lost_at(world, name, sms(10, 10), Expected::default()).await
}

/// F-20, where it cannot: once more for whom it is unknown, and counted.
pub async fn lost_blind(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let gate = Gate { kind: "huawei_sms", ..sms(10, 10) };
    lost_at(world, name, gate, Expected { blind: true, ..Expected::default() }).await
}

async fn lost_at(world: &mut World, name: Name, gate: Gate, expected: Expected) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted { gates: &[gate], ..Wanted::default() }).await?;
    stage.approve().await?;
    stage.told(0.1).await?;
    let storms = [lasts(world, 3, 30), Duration::from_secs(3)];
    for storm in &storms[..if world.short { 1 } else { 2 }] {
        let before = stage.provider().taken();
        stage.provider().fail_always(Some(Fault::LostAnswer));
        sleep(*storm).await;
        stage.provider().fail_always(None);
        let figure = stage.provider().taken() - before;
        stage.report.note(&format!("{figure} messages went out without an answer in {} s", storm.as_secs()));
        stage.told(0.6).await?;
    }
    drained(&mut stage, 20.0).await?;
    stage.check(world, expected).await
}

/// F-22: a provider that finds a message only after twenty seconds.
pub async fn lag(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let hasty = lagging(world, name, "12", true).await?;
    let extra = extra(&hasty);
    drop(hasty);
    let stage = lagging(world, name, "60", false).await?;
    let mut report = stage.check(world, Expected::default()).await?;
    let figure = format!("{extra} people with a window of 12 s, which is shorter than the lag");
    report.line("", "a hasty window tells twice", figure, extra > 0);
    Ok(report)
}

async fn lagging(world: &mut World, name: Name, window: &str, control: bool) -> anyhow::Result<Dispatch> {
    let settings = [("dispatch.reconcile_seconds", window)];
    let wanted = Wanted { gates: &[sms(40, 10)], settings: &settings, control, ..Wanted::default() };
    let mut stage = Dispatch::set(world, name, wanted).await?;
    let weather =
        Weather { seed: world.seed, lost: 200, visible_after: Duration::from_secs(20), ..Weather::default() };
    stage.provider().weather(weather);
    stage.approve().await?;
    stage.drained().await?;
    // Questions are answered from now on, each when it is time.
    stage.provider().weather(Weather { lost: 0, ..weather });
    let begun = Instant::now();
    while stage.standing().await?.in_doubt > 0 && begun.elapsed() < Duration::from_secs(70) {
        sleep(Duration::from_millis(100)).await;
    }
    stage.settled().await?;
    Ok(stage)
}

/// People who got more than one message.
fn extra(stage: &Dispatch) -> usize {
    let mut seen = HashSet::new();
    let again: HashSet<String> =
        stage.messages().into_iter().filter(|m| !seen.insert(m.phone.clone())).map(|m| m.phone).collect();
    again.len()
}

/// What becomes of the receipts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// One that it arrived.
    Once,
    /// Twice the same, at two notifiers.
    Twice,
    /// None: the provider has to be asked.
    Never,
    /// One that it did not arrive.
    Failed,
    /// That it arrived, and later that it did not.
    Contrary,
}

/// By the last digit of the number.
fn fate(phone: &str) -> Fate {
    match phone.as_bytes().last() {
        Some(b'0' | b'1' | b'2' | b'3') => Fate::Once,
        Some(b'4' | b'5') => Fate::Twice,
        Some(b'6' | b'7') => Fate::Never,
        Some(b'8') => Fate::Failed,
        _ => Fate::Contrary,
    }
}

/// F-21: receipts overtake answers, come in any order, twice, late, contradict each other, or do not come.
pub async fn receipts(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted::default()).await?;
    stage.provider().weather(Weather { latency: Duration::from_millis(300), ..Weather::default() });
    let of_fate = |fates: &[Fate]| -> Vec<String> {
        stage
            .outbreak
            .exposed
            .iter()
            .filter(|p| fates.contains(&fate(p)))
            .map(|p| format!("+86{p}"))
            .collect()
    };
    of_fate(&[Fate::Never]).iter().for_each(|phone| stage.provider().ends_for(phone, true));
    let (failed, total) = (of_fate(&[Fate::Failed]).len(), stage.outbreak.exposed.len());
    stage.approve().await?;
    let mut pushed = 0;
    let begun = Instant::now();
    while pushed < total && begun.elapsed() < Duration::from_secs(90) {
        let mut fresh: Vec<Accepted> = stage.provider().accepted().split_off(pushed);
        pushed += fresh.len();
        // Newest first: some overtake the answers to their calls.
        fresh.reverse();
        push(&stage, &fresh).await?;
        sleep(Duration::from_millis(100)).await;
    }
    let late: Vec<Accepted> =
        stage.provider().accepted().into_iter().filter(|m| fate(&m.phone) == Fate::Contrary).collect();
    send(&stage, 0, &late, false).await?;
    drained(&mut stage, 100.0).await?;
    let (delivered, undelivered) = ends(&stage, total - failed).await?;
    let figure = format!("{delivered} delivered, {undelivered} not, of {total}");
    let right = delivered == total - failed && undelivered == failed;
    stage.report.line("", "receipts and questions settle all", figure, right);
    stage.report.note(&format!("the provider was asked {} times", stage.provider().questions()));
    stage.check(world, Expected::default()).await
}

async fn push(stage: &Dispatch, messages: &[Accepted]) -> anyhow::Result<()> {
    let of = |fates: &[Fate]| -> Vec<Accepted> {
        messages.iter().filter(|m| fates.contains(&fate(&m.phone))).cloned().collect()
    };
    send(stage, 0, &of(&[Fate::Once, Fate::Twice, Fate::Contrary]), true).await?;
    send(stage, 1, &of(&[Fate::Twice]), true).await?;
    send(stage, 1, &of(&[Fate::Failed]), false).await
}

/// To the door of a notifier.
async fn send(stage: &Dispatch, n: usize, messages: &[Accepted], delivered: bool) -> anyhow::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let url = format!("http://127.0.0.1:{}/receipts/sms/{RECEIPT_SECRET}", stage.notifiers[n].port);
    stage.provider().push(messages, delivered, &url).await
}

/// How many arrived and how many did not, when all is known.
async fn ends(stage: &Dispatch, wanted: usize) -> anyhow::Result<(usize, usize)> {
    let count = async |state: &str| -> anyhow::Result<usize> {
        let n = stage.count(&format!("SELECT count(*) FROM delivery WHERE state = '{state}'")).await?;
        Ok(usize::try_from(n)?)
    };
    let begun = Instant::now();
    while count("delivered").await? < wanted && begun.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(200)).await;
    }
    Ok((count("delivered").await?, count("undelivered").await?))
}
