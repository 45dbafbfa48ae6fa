//! When each loop last made progress.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// All loops of a process. A loop that ended stays on the list: one that died is exactly what the alarm is for.
#[derive(Clone, Default)]
pub(super) struct Heartbeats(Arc<Mutex<BTreeMap<&'static str, Instant>>>);

/// The heartbeat of one loop.
#[derive(Clone)]
pub struct Heartbeat {
    name: &'static str,
    all: Heartbeats,
}

impl Heartbeat {
    /// Says that the loop has just made progress. Having found nothing to do counts; having failed does not.
    pub fn beat(&self) {
        self.all.mark(self.name);
    }
}

impl Heartbeats {
    pub(super) fn of(&self, name: &'static str) -> Heartbeat {
        self.mark(name);
        Heartbeat { name, all: self.clone() }
    }

    fn mark(&self, name: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Instant::now());
    }

    /// Every loop with the time since its last progress.
    pub(super) fn idle(&self) -> Vec<(&'static str, Duration)> {
        let beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().map(|(name, at)| (*name, at.elapsed())).collect()
    }

    pub(super) fn report(&self) {
        for (name, idle) in self.idle() {
            metrics::gauge!("mashang_loop_idle_seconds", "loop" => name).set(idle.as_secs_f64());
        }
    }
}
