//! I7: created = delivered + accepted + failed + the rest, and the same in the api, in the metrics and in the tables.
//!
//! A process that dies takes its counters with it, so their sum is no measure of an alert. What the metrics have of its
//! states are gauges that every notifier reads from the database once a minute, also one that has just been started: each
//! of them, by itself, has to say what the tables say. Counters are compared as well, where that is sound: attempts are
//! counted after the commit that writes them, so the notifiers together never count more than there are, and exactly as
//! many where no notifier ended and no commit was cut off from its answer.

use std::time::Duration;

use mashang_domain::delivery::DeliveryState;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::stage::Dispatch;
use super::told::Told;
use crate::report::Report;
use crate::world::World;

/// After so long, by their clock, notifiers read their figures again; in milliseconds.
const READ_AGAIN: i64 = 60_000;
/// How long that may take them.
const PATIENCE: Duration = Duration::from_secs(10);

impl Dispatch {
    pub(super) async fn counters(
        &self,
        world: &World,
        report: &mut Report,
        told: &Told,
        shown: &Value,
    ) -> anyhow::Result<()> {
        let rungs = self.rungs * self.outbreak.exposed.len();
        let resent = told.resent();
        let other = |state: &&DeliveryState| {
            shown["counts"][state.as_str()].as_u64() != Some(told.in_state(|s| s == **state) as u64)
        };
        let differ = DeliveryState::ALL.iter().filter(other).count();
        let metered = self.metered(told).await?;
        let figure = format!(
            "{} deliveries of {rungs}; {differ} states counted otherwise by the api, {metered} by the metrics of {} notifiers; \
             possible_duplicates {resent}, api {}",
            told.deliveries.len(),
            self.notifiers.len(),
            shown["possible_duplicates"],
        );
        let same = shown["possible_duplicates"].as_i64() == Some(resent) && told.deliveries.len() == rungs;
        report.line("I7", "the counters agree", figure, differ + metered == 0 && same);
        self.attempts(world, report, told).await
    }

    /// Figures that a notifier has otherwise than the tables, once all of them have read them again.
    async fn metered(&self, told: &Told) -> anyhow::Result<usize> {
        self.clock.advance(READ_AGAIN).await;
        let begun = Instant::now();
        loop {
            let mut differ = 0;
            for notifier in &self.notifiers {
                let metrics = notifier.metrics().await?;
                let is = |name: &str, label: &str, n: usize| metrics.value(name, label) == Some(n as f64);
                let other = |state: &&DeliveryState| {
                    let label = format!("state=\"{state}\"");
                    !is("mashang_alert_deliveries", &label, told.in_state(|s| s == **state))
                };
                differ += DeliveryState::ALL.iter().filter(other).count();
                let resent = usize::try_from(told.resent())?;
                differ += usize::from(!is("mashang_alert_possible_duplicates", "", resent));
            }
            if differ == 0 || begun.elapsed() > PATIENCE {
                return Ok(differ);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Attempts as they were counted, against those that are there.
    async fn attempts(&self, world: &World, report: &mut Report, told: &Told) -> anyhow::Result<()> {
        let there = told.attempts.values().map(Vec::len).sum::<usize>() as f64;
        let mut counted = 0.0;
        for notifier in &self.notifiers {
            counted += notifier.metrics().await?.sum("mashang_attempts_total", "purpose=\"notify\"");
        }
        let whole = self.proxy.is_none()
            && self.notifiers.iter().all(|notifier| notifier.lives == 1)
            && world.postgres.starts == self.postgres_starts;
        let (bound, holds) = match whole {
            true => ("all", (counted - there).abs() < 0.5),
            false => ("at most all: some were lost with their process", counted <= there),
        };
        let figure = format!("{counted} counted of {there} ({bound})");
        report.line("I7", "attempts are counted", figure, holds);
        Ok(())
    }
}
