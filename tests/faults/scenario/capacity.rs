//! How much one api takes: measured once for each database, in a closed loop, and what the loads are a share of.

use std::sync::Arc;
use std::time::Duration;

use mashang_tests::Form;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stage::{Name, Stage, Wanted};
use crate::world::{World, word};

const CLIENTS: u64 = 64;
const WARM_UP: Duration = Duration::from_secs(4);

/// Scans a second that one api acknowledges when it is asked without a pause.
pub async fn capacity(world: &mut World, form: Form) -> anyhow::Result<f64> {
    if let Some(known) = world.capacity.get(word(form)) {
        return Ok(*known);
    }
    let name =
        Name { scenario: "capacity", form, about: "how much one api takes, 64 clients without a pause" };
    let mut stage = Stage::set(world, name, Wanted::default()).await?;
    stage.api().ready(Duration::from_secs(10)).await?;
    let time = Duration::from_secs(if world.short { 3 } else { 8 });
    closed(&stage, 0, WARM_UP).await;
    let rate = closed(&stage, CLIENTS, time).await as f64 / time.as_secs_f64();
    stage.report.note(&format!("{rate:.0} scans/s"));
    world.capacity.insert(word(form), rate);
    Ok(rate)
}

/// Acknowledged scans of clients with chances of their own, from `seed` on.
async fn closed(stage: &Stage, seed: u64, time: Duration) -> usize {
    let (mut tasks, until) = (JoinSet::new(), Instant::now() + time);
    for seed in seed..seed + CLIENTS {
        let (crowd, door) = (Arc::clone(&stage.clients.crowd), Arc::clone(&stage.clients.doors[0]));
        tasks.spawn(async move {
            let (mut chance, mut done) = (StdRng::seed_from_u64(seed), 0);
            while Instant::now() < until {
                let (person, code) = crowd.draw(&mut chance);
                let request = crowd.scan(person, code, &format!("{:x}", chance.random::<u64>()));
                done += usize::from(door.ask(&request).await.is_ok_and(|a| a.status == 201));
            }
            done
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// The rate of loads beside faults: half of the capacity. What is not optimised spends most of its time on the clients'
/// repetitions after an outage, so it gets less.
pub async fn half(world: &mut World, form: Form) -> anyhow::Result<f64> {
    let (share, most) = if cfg!(debug_assertions) { (0.25, 80.0) } else { (0.5, 400.0) };
    Ok((capacity(world, form).await? * share).clamp(20.0, most))
}
