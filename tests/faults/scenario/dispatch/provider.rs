//! Providers that are slow, refuse, or want less.

use std::time::Duration;

use mashang_domain::time::Timestamp;
use mashang_tests::fake_provider::{Accepted, Fault, Weather};
use tokio::time::{Instant, sleep};

use super::{drained, lasts};
use crate::dispatch::{Dispatch, Expected, Gate, Wanted, sms};
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// F-17: every call to one of two providers takes longer than anybody waits.
pub async fn slow(world: &mut World, name: Name) -> anyhow::Result<Report> {
    // Half of a notifier's tasks may be at one gateway; a dozen keeps one of ten calls a second busy.
    let settings = [("notifier.concurrency", "32")];
    let quick = sms(10, 10);
    let mut alone = Dispatch::set(
        world,
        name,
        Wanted { gates: &[quick], settings: &settings, control: true, ..Wanted::default() },
    )
    .await?;
    alone.approve().await?;
    alone.drained().await?;
    let usual = pace(&alone.provider().accepted());
    drop(alone);
    let gates = [quick, Gate { name: "slow", provider: 1, ..quick }];
    let mut stage = Dispatch::set(
        world,
        name,
        Wanted { gates: &gates, providers: 2, settings: &settings, ..Wanted::default() },
    )
    .await?;
    stage.providers[1].weather(Weather { latency: Duration::from_secs(5), ..Weather::default() });
    stage.approve().await?;
    drained(&mut stage, 100.0).await?;
    let beside = pace(&stage.provider().accepted());
    let figure = stage.providers[1].taken();
    stage
        .report
        .note(&format!("{usual:.0} messages a second at the quick one alone; {figure} went to the slow one"));
    let share = beside / usual * 100.0;
    stage.report.at_least("", "the quick one beside it keeps", share, 90.0, "% of its pace");
    stage.check(world, Expected::default()).await
}

/// Messages a second, without the first and the last tenth.
fn pace(messages: &[Accepted]) -> f64 {
    let mut times: Vec<Timestamp> = messages.iter().map(|m| m.at).collect();
    times.sort_unstable();
    let (from, to) = (times.len() / 10, times.len() * 9 / 10);
    match times.get(to).zip(times.get(from)) {
        Some((last, first)) => (to - from) as f64 * 1_000.0 / (*last - *first).max(1) as f64,
        None => 0.0,
    }
}

/// F-18: status 500 to everything, for longer than the breaker waits the first time (short) and the second time.
pub async fn errors(world: &mut World, name: Name) -> anyhow::Result<Report> {
    const RATE: u32 = 40;
    let gates = [sms(RATE, 10)];
    let mut stage = Dispatch::set(world, name, Wanted { gates: &gates, ..Wanted::default() }).await?;
    stage.approve().await?;
    stage.told(0.05).await?;
    stage.provider().fail_always(Some(Fault::ServerError));
    let before = stage.provider().calls();
    let lasting = lasts(world, 12, 60);
    sleep(lasting).await;
    let storm = stage.provider().calls() - before;
    stage.provider().fail_always(None);
    // Two notifiers: each shuts the gateway after five failures, with some calls under way, and probes it once.
    let what = format!("calls in a storm of {} s", lasting.as_secs());
    stage.report.at_most("", &what, storm as f64, 60.0, "");
    let most = most_calls_a_second(&stage).await;
    stage.report.at_most("", "calls a second afterwards, the most", most, 1.2 * 2.0 * f64::from(RATE), "");
    drained(&mut stage, 100.0).await?;
    stage.check(world, Expected::default()).await
}

/// The busiest second until nothing is ahead any more.
async fn most_calls_a_second(stage: &Dispatch) -> f64 {
    let (begun, mut most) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(90) && stage.standing().await.is_ok_and(|s| s.ahead > 0) {
        let before = stage.provider().calls();
        sleep(Duration::from_secs(1)).await;
        most = most.max(stage.provider().calls() - before);
    }
    most as f64
}

/// F-19: fewer calls a second than we would make, and numbers that have had enough for today: they are called.
pub async fn throttle(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let voice = Gate { name: "voice", kind: "aliyun_voice", provider: 1, rate: 150, batch: 1 };
    let (gates, ladder) = ([sms(60, 10), voice], [("alerts.ladder_3", r#"["sms", "call", "work_list"]"#)]);
    let wanted = Wanted { gates: &gates, providers: 2, settings: &ladder, ..Wanted::default() };
    let mut stage = Dispatch::set(world, name, wanted).await?;
    stage.provider().weather(Weather { per_second: Some(40), ..Weather::default() });
    let limited: Vec<String> =
        stage.outbreak.exposed.iter().step_by(100).map(|phone| format!("+86{phone}")).collect();
    limited.iter().for_each(|phone| stage.provider().fail_for(phone, Fault::FrequencyLimited));
    stage.approve().await?;
    let begun = Instant::now();
    while stage.standing().await?.ahead > i64::try_from(limited.len())?
        && begun.elapsed() < Duration::from_secs(120)
    {
        sleep(Duration::from_millis(100)).await;
    }
    stage.report.at_most("I3", "all but the limited numbers", begun.elapsed().as_secs_f64(), 60.0, "s");
    let tried = stage.count("SELECT count(*) FROM delivery WHERE state = 'pending' AND tries > 1").await?;
    stage.report.line(
        "",
        "limited numbers wait for their window",
        format!("{tried} tried again"),
        tried == 0,
    );
    let called = stage.providers[1].accepted();
    let called = limited.iter().filter(|phone| called.iter().any(|m| m.phone == **phone)).count();
    let figure = format!("{called} of {}", limited.len());
    stage.report.line("I4", "limited numbers are called instead", figure, called == limited.len());
    // A day later there is nothing left to say.
    stage.clock.advance(25 * 3_600_000).await;
    drained(&mut stage, 100.0).await?;
    stage.check(world, Expected::default()).await
}
