//! How far alerts have come, for those who watch: every process reads it from the database, so that none goes stale where
//! another does the work, and none loses it with the process that did.

use mashang_domain::delivery::DeliveryState;
use mashang_domain::time::{HOUR, MINUTE, Timestamp};
use mashang_infra::store;
use sea_orm::DbErr;

use crate::service::Core;

/// How often they are read, by the clock of the service.
const EVERY: i64 = MINUTE;
/// How long an alert that is done still counts.
const AFTERWARDS: i64 = HOUR;

/// When this process last read them.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    read_at: Option<Timestamp>,
}

impl Figures {
    /// Reads them when a minute has gone by, or the clock was put back.
    pub(crate) async fn keep(&mut self, core: &Core) {
        let now = core.clock.now();
        if self.read_at.is_some_and(|at| (0..EVERY).contains(&(now - at))) {
            return;
        }
        self.read_at = Some(now);
        if let Err(error) = read(core, now).await {
            tracing::warn!(%error, "the figures of alerts could not be read");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
async fn read(core: &Core, now: Timestamp) -> Result<(), DbErr> {
    let standing = store::delivery::standing(core.db.conn(), now - AFTERWARDS).await?;
    for state in DeliveryState::ALL {
        let n = standing.counts.get(state).copied().unwrap_or(0);
        metrics::gauge!("mashang_alert_deliveries", "state" => state.as_str()).set(n as f64);
    }
    metrics::gauge!("mashang_alert_possible_duplicates").set(standing.possible_duplicates as f64);
    Ok(())
}
