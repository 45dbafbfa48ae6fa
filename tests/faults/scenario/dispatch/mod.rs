//! An approved alert on its way to thousands of people, while something breaks.

pub mod answers;
pub mod chaos;
pub mod database;
pub mod many;
pub mod poison;
pub mod process;
pub mod provider;
pub mod queue;

use std::time::Duration;

use crate::dispatch::{Dispatch, LEASE, SWEEP};
use crate::world::World;

/// Seconds that something lasts: in the short campaign, and in the whole one.
const fn lasts(world: &World, short: u64, whole: u64) -> Duration {
    Duration::from_secs(if world.short { short } else { whole })
}

/// Messages a second that go out at least, however many of two notifiers are in order.
const USUAL_PACE: f64 = 100.0;

/// What is ahead when the faults end has to go out at this pace; beyond that a dead worker's task comes back after two
/// leases, and there is a sweep and ten seconds. Then what is in doubt is cleared up.
async fn drained(stage: &mut Dispatch, per_second: f64) -> anyhow::Result<()> {
    let left = stage.standing().await.map_or(stage.outbreak.exposed.len() as f64, |s| s.ahead as f64);
    let bound = 2.0 * LEASE.as_secs_f64() + SWEEP.as_secs_f64() + 10.0 + left / per_second;
    let took = stage.drained().await?;
    stage.report.at_most("I3", "drained after the last fault", took, bound, "s");
    stage.settled().await
}
