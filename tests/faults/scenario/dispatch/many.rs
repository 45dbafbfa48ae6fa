//! More than one of everything.

use std::time::Duration;

use anyhow::Context;
use mashang_tests::Client;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{USUAL_PACE, drained};
use crate::dispatch::{Dispatch, Expected, Wanted, sms, wall};
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// F-25: the same approval, fifty times at once, at two apis.
pub async fn duplicates(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let mut stage = Dispatch::set(world, name, Wanted { apis: 2, ..Wanted::default() }).await?;
    let doors = [stage.approver.clone(), stage.outbreak.approver(stage.apis[1].port).await?];
    let mut posts = JoinSet::new();
    stage.approved_at = wall();
    for n in 0..50 {
        let (client, (path, body)) = (doors[n % 2].clone(), stage.approval());
        posts.spawn(async move { answer(&client, &path, body).await });
    }
    let mut answers: Vec<(u16, String, usize)> = posts.join_all().await;
    // Who lost the answer asks again.
    let (path, body) = stage.approval();
    answers.push(answer(&doors[1], &path, body).await);
    let refused: usize = answers.iter().map(|(_, _, refused)| refused).sum();
    let approved = answers.iter().filter(|(status, ..)| *status == 200).count();
    let mut decided: Vec<&String> = answers.iter().map(|(_, at, _)| at).collect();
    decided.sort_unstable();
    decided.dedup();
    let figure = format!(
        "{approved} of {} times 200, {refused} times 503 before, {} different answers",
        answers.len(),
        decided.len()
    );
    stage.report.line(
        "I12",
        "every one gets the same answer",
        figure,
        approved == answers.len() && decided.len() == 1,
    );
    drained(&mut stage, USUAL_PACE).await?;
    stage.check(world, Expected::default()).await
}

/// Status, what of the answer must be the same in all, and how often an honest client was told to come again before.
async fn answer(client: &Client, path: &str, body: Vec<u8>) -> (u16, String, usize) {
    let mut refused = 0;
    loop {
        match client.try_send_raw(Method::POST, path, Some(("application/json", body.clone()))).await {
            Ok(reply) if reply.status == 503 && refused < 20 => {
                refused += 1;
                let seconds = reply.header("retry-after").parse().unwrap_or(1);
                sleep(Duration::from_secs(seconds)).await;
            }
            Ok(reply) => {
                let alert = reply.json();
                let same = format!("{} {} {}", alert["id"], alert["decided_at"], alert["expires_at"]);
                return (reply.status, same, refused);
            }
            Err(error) => return (0, format!("{error:#}"), refused),
        }
    }
}

/// F-26: two, four and eight notifiers share the work, and each is stopped and started while it lasts.
pub async fn many(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let counts: &[usize] = if world.short { &[4] } else { &[2, 4, 8] };
    let mut report: Option<Report> = None;
    for count in counts {
        // The same pace for all of them together, and one report.
        let gates = [sms(5, 20 / count)];
        let control = report.is_some();
        let wanted = Wanted { notifiers: *count, gates: &gates, control, ..Wanted::default() };
        let mut stage = Dispatch::set(world, name, wanted).await?;
        if let Some(before) = report.take() {
            stage.report = before;
        }
        stage.report.note(&format!("-- {count} notifiers"));
        stage.rough(world.seed);
        stage.approve().await?;
        stage.told(0.4).await?;
        shares(&mut stage).await?;
        restarted(&mut stage).await?;
        drained(&mut stage, 60.0).await?;
        report = Some(stage.check(world, Expected::default()).await?);
    }
    report.context("it ran at least once")
}

/// What each notifier has sent, against its fair share.
async fn shares(stage: &mut Dispatch) -> anyhow::Result<()> {
    let mut shares = Vec::new();
    for notifier in &stage.notifiers {
        let metrics = notifier.metrics().await?;
        shares.push(metrics.sum("mashang_gateway_outcomes_total", "class=\"accepted\""));
    }
    let fair = shares.iter().sum::<f64>() / shares.len() as f64;
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min) / fair * 100.0;
    stage.report.at_least("", &format!("least share, of {shares:.0?}"), least, 50.0, "% of a fair one");
    Ok(())
}

/// Stops and starts each of them, one by one.
async fn restarted(stage: &mut Dispatch) -> anyhow::Result<()> {
    let (all, mut clean) = (stage.notifiers.len(), 0);
    for n in 0..all {
        stage.notifiers[n].signal("TERM");
        let status = tokio::task::block_in_place(|| stage.notifiers[n].wait(Duration::from_secs(15)));
        clean += usize::from(status.is_some_and(|s| s.success()));
        stage.notifiers[n].again().await?;
    }
    let figure = format!("{clean} of {all} with status 0");
    stage.report.line("I11", "stopped and started, one by one", figure, clean == all);
    Ok(())
}

/// The lock under which notices are written.
const FAN_OUT_LOCK: i64 = 0x6d61_7368_616e_6703;

/// F-27: two notifiers want every tick of a job, while they are killed. The job is to have an alert fanned out, every
/// twenty seconds until it is; that it cannot be is seen to here.
pub async fn ticks(world: &mut World, name: Name) -> anyhow::Result<Report> {
    let ticks = if world.short { 60 } else { 500 };
    let settings = [("notifier.sweep_ms", "100")];
    let mut stage = Dispatch::set(world, name, Wanted { settings: &settings, ..Wanted::default() }).await?;
    let lock = locked(world, &stage.prefix).await?;
    stage.approve().await?;
    let mut chance = StdRng::seed_from_u64(world.seed);
    let mut kills = 0;
    for n in 1..=ticks {
        stage.clock.advance(20_000).await;
        sleep(Duration::from_millis(100)).await;
        if n % 25 == 0 {
            let killed = chance.random_range(0..2);
            stage.notifiers[killed].kill();
            stage.notifiers[killed].begin_again()?;
            kills += 1;
        }
    }
    let claimed = stage.count("SELECT count(*) FROM job_tick WHERE job LIKE 'fan_out:%'").await?;
    let stream = format!("{{{}:queue}}:alert", stage.prefix);
    let about = world.redis.say(&["XINFO", "STREAM", &stream])?;
    let pushed = about.lines().skip_while(|line| *line != "entries-added").nth(1);
    let pushed: i64 = pushed.and_then(|n| n.parse().ok()).unwrap_or(-1);
    // The approval pushes once and the relay once, and a relay that is killed before it deletes its row once more. Who is
    // killed between claim and push leaves a tick to the next one.
    let holds = (claimed - kills..=claimed + 2 + kills).contains(&pushed);
    let figure = format!("{claimed} ticks claimed, {pushed} tasks pushed, {kills} kills");
    stage.report.line("", "each tick once", figure, holds && claimed * 10 >= ticks * 8);
    lock.close().await?;
    drained(&mut stage, USUAL_PACE).await?;
    stage.check(world, Expected::default()).await
}

/// A session that holds the lock until it is closed.
async fn locked(world: &World, database: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(world.postgres.url(world.postgres.port, database));
    options.max_connections(1).min_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    db.execute_unprepared(&format!("SELECT pg_advisory_lock({FAN_OUT_LOCK})")).await?;
    Ok(db)
}
