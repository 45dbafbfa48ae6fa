//! One fault after the other, by chance.

use std::time::Duration;

use mashang_tests::fake_provider::{Fault, Weather};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use super::drained;
use crate::dispatch::{Dispatch, Expected, LEASE, Wanted, sms};
use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

/// From one fault to the next.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    KillNotifier,
    PauseNotifier,
    LoseRedis,
    PauseRedis,
    FullRedis,
    StopPostgres,
    CrashPostgres,
    ResetConnections,
    SwallowConnections,
    LoseAnswers,
    RefuseAll,
    SlowProvider,
}

const BLOWS: [Blow; 12] = [
    Blow::KillNotifier,
    Blow::PauseNotifier,
    Blow::LoseRedis,
    Blow::PauseRedis,
    Blow::FullRedis,
    Blow::StopPostgres,
    Blow::CrashPostgres,
    Blow::ResetConnections,
    Blow::SwallowConnections,
    Blow::LoseAnswers,
    Blow::RefuseAll,
    Blow::SlowProvider,
];

/// F-38: for ten minutes, or for twenty seconds.
pub async fn chaos(world: &mut World, name: Name) -> anyhow::Result<Report> {
    // So slow that something is ahead until the last fault.
    let gates = [if world.short { sms(3, 10) } else { sms(10, 2) }];
    let wanted = Wanted { gates: &gates, proxied: true, ..Wanted::default() };
    let mut stage = Dispatch::set(world, name, wanted).await?;
    stage.rough(world.seed);
    stage.approve().await?;
    let mut chance = StdRng::seed_from_u64(world.seed);
    let (mut seen, mut met) = (Vec::new(), 0);
    let blows = if world.short { 4 } else { 120 };
    for _ in 0..blows {
        met += usize::from(stage.standing().await.map_or(true, |s| s.ahead > 0));
        let (blow, begun) = (BLOWS[chance.random_range(0..BLOWS.len())], Instant::now());
        let victim = chance.random_range(0..stage.notifiers.len());
        strike(world, &mut stage, blow, victim).await?;
        seen.push(blow);
        sleep(EVERY.saturating_sub(begun.elapsed())).await;
    }
    let struck = BLOWS.map(|blow| format!("{} {blow:?}", seen.iter().filter(|b| **b == blow).count()));
    stage.report.note(&struck.join(", "));
    let figure = format!("{met} of {blows} faults");
    stage.report.line("", "something was ahead", figure, met == blows);
    // A gateway that was refused comes back with a tenth of its pace.
    drained(&mut stage, 10.0).await?;
    stage.check(world, Expected::default()).await
}

async fn strike(world: &mut World, stage: &mut Dispatch, blow: Blow, victim: usize) -> anyhow::Result<()> {
    let moment = Duration::from_millis(1_500);
    match blow {
        Blow::KillNotifier => {
            stage.notifiers[victim].kill();
            stage.notifiers[victim].begin_again()?;
        }
        Blow::PauseNotifier => {
            stage.notifiers[victim].signal("STOP");
            sleep(LEASE - Duration::from_secs(1)).await;
            stage.notifiers[victim].signal("CONT");
        }
        Blow::LoseRedis => {
            world.redis.kill();
            sleep(moment).await;
            world.redis.start()?;
        }
        Blow::PauseRedis => {
            world.redis.signal("STOP");
            sleep(2 * moment).await;
            world.redis.signal("CONT");
        }
        Blow::FullRedis => {
            world.redis.say(&["CONFIG", "SET", "maxmemory", "1"])?;
            sleep(2 * moment).await;
            world.redis.say(&["CONFIG", "SET", "maxmemory", "0"])?;
        }
        Blow::StopPostgres | Blow::CrashPostgres => {
            match blow {
                Blow::StopPostgres => world.postgres.stop("INT")?,
                _ => world.postgres.kill_all()?,
            }
            sleep(moment).await;
            tokio::task::block_in_place(|| world.postgres.start())?;
        }
        Blow::ResetConnections => stage.proxy.iter().for_each(crate::proxy::Proxy::reset_all),
        Blow::SwallowConnections => stage.proxy.iter().for_each(crate::proxy::Proxy::swallow_all),
        Blow::LoseAnswers | Blow::RefuseAll => {
            let fault =
                if matches!(blow, Blow::LoseAnswers) { Fault::LostAnswer } else { Fault::ServerError };
            stage.provider().fail_always(Some(fault));
            sleep(moment).await;
            stage.provider().fail_always(None);
        }
        Blow::SlowProvider => {
            stage.provider().weather(Weather { latency: 2 * moment, ..Weather::default() });
            sleep(2 * moment).await;
            stage.rough(world.seed);
        }
    }
    Ok(())
}
