//! Calls beyond the first of a hand-over: at the gateway's pace and within the lease, as the first one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::gateway::Turns;
use crate::plan::Planned;
use crate::service::Core;

/// The turns of one hand-over whose first call has had its own.
pub(super) struct Further<'a> {
    core: &'a Core,
    planned: &'a Planned,
    login: bool,
    /// No call begins later.
    latest: Instant,
    /// Calls that were begun, and the time that they waited.
    spent: Mutex<(u32, Duration)>,
}

impl<'a> Further<'a> {
    pub(super) fn new(core: &'a Core, planned: &'a Planned, login: bool, latest: Instant) -> Self {
        Self { core, planned, login, latest, spent: Mutex::new((1, Duration::ZERO)) }
    }

    /// How long one of the calls took, of a hand-over that took `whole`.
    pub(super) fn of_one(&self, whole: Duration) -> Duration {
        let (calls, waited) = *self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        whole.saturating_sub(waited) / calls
    }
}

#[async_trait]
impl Turns for Further<'_> {
    async fn next(&self) -> bool {
        let asked = Instant::now();
        let Some(turn) = self.planned.road.pace.reserve(self.login, self.latest) else { return false };
        let waiting = tokio::time::sleep_until(turn);
        if self.core.life.soft.run_until_cancelled(waiting).await.is_none() {
            return false;
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent = (spent.0 + 1, spent.1 + asked.elapsed());
        Instant::now() <= self.latest && !self.planned.road.is_paused()
    }
}
