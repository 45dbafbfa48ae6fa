//! Walls between gateways: a slow one holds its own calls and its own share of the workers, and nobody else's.
//!
//! A task of the worker enters a gateway before it plans calls for it, and stays in until they are answered. When a
//! gateway is full of waiting tasks, further messages go to another one, or back to the database for a moment; the task
//! goes on with what it has for other gateways.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls that may be under way at one gateway.
const CALLS: usize = 128;
/// How long a message waits whose gateways are full.
pub const FULL_PAUSE: Duration = Duration::from_millis(1_500);

/// The place of one task at one gateway, until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Berth {
    permit: Arc<OwnedSemaphorePermit>,
}

/// The places of one task: at most one at each gateway, shared by all its batches there.
#[derive(Debug, Default)]
pub struct Berths {
    taken: Mutex<BTreeMap<String, Weak<OwnedSemaphorePermit>>>,
}

impl Berths {
    /// The place of this task at the gateway, when it has one or gets one.
    pub fn enter(&self, gateway: &str, walls: &Bulkhead) -> Option<Berth> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permit) = taken.get(gateway).and_then(Weak::upgrade) {
            return Some(Berth { permit });
        }
        let berth = walls.enter()?;
        taken.insert(gateway.to_owned(), Arc::downgrade(&berth.permit));
        Some(berth)
    }
}

/// The walls around one gateway.
#[derive(Debug)]
pub struct Bulkhead {
    pub calls: Semaphore,
    tasks: Arc<Semaphore>,
}

impl Bulkhead {
    /// At most `tasks` tasks wait for this gateway at once.
    pub fn new(tasks: usize) -> Self {
        Self { calls: Semaphore::new(CALLS), tasks: Arc::new(Semaphore::new(tasks.max(1))) }
    }

    /// A place, when there is one.
    pub fn enter(&self) -> Option<Berth> {
        let permit = Arc::clone(&self.tasks).try_acquire_owned().ok()?;
        Some(Berth { permit: Arc::new(permit) })
    }
}

/// How many of `workers` tasks may wait at one of `gateways` gateways: half of them, so that a slow one leaves the other
/// half to all others. A single gateway may have all.
pub const fn tasks_per_gateway(workers: usize, gateways: usize) -> usize {
    if gateways <= 1 { workers } else { workers.div_ceil(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_gateway_takes_nobody_until_somebody_leaves() {
        let bulkhead = Bulkhead::new(2);
        let (first, second) = (bulkhead.enter(), bulkhead.enter());
        assert!(first.is_some() && second.is_some() && bulkhead.enter().is_none());
        let clone = first.clone();
        drop(first);
        assert!(bulkhead.enter().is_none(), "a batch of the first task is still under way");
        drop(clone);
        assert!(bulkhead.enter().is_some());
    }

    #[test]
    fn a_task_has_one_place_however_many_batches_it_has_there() {
        let (bulkhead, task) = (Bulkhead::new(1), Berths::default());
        let (first, again) = (task.enter("a", &bulkhead), task.enter("a", &bulkhead));
        assert!(first.is_some() && again.is_some());
        assert!(Berths::default().enter("a", &bulkhead).is_none(), "another task");
        drop(first);
        assert!(Berths::default().enter("a", &bulkhead).is_none());
        drop(again);
        assert!(Berths::default().enter("a", &bulkhead).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_gateway_leaves_half_of_the_workers_to_a_quick_one() {
        let workers = Arc::new(Semaphore::new(8));
        let tasks = tasks_per_gateway(8, 2);
        let slow = Arc::new(Bulkhead::new(tasks));
        let quick = Arc::new(Bulkhead::new(tasks));
        let done = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let begun = tokio::time::Instant::now();
        let mut all = tokio::task::JoinSet::new();
        // Tasks want both; who finds the slow one full does only the quick part.
        for _ in 0..64 {
            let (workers, slow, quick, done) = (workers.clone(), slow.clone(), quick.clone(), done.clone());
            all.spawn(async move {
                let _worker = workers.acquire().await;
                let quick = quick.enter();
                if quick.is_some() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
                drop(quick);
                if let Some(berth) = slow.enter() {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    drop(berth);
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        let quick_done = done.load(std::sync::atomic::Ordering::Relaxed);
        assert!(quick_done >= 58, "{quick_done} of 64 after {:?}", begun.elapsed());
        all.shutdown().await;
    }

    #[test]
    fn one_gateway_alone_may_use_all_workers() {
        assert_eq!(
            (tasks_per_gateway(48, 1), tasks_per_gateway(48, 2), tasks_per_gateway(1, 3)),
            (48, 24, 1)
        );
    }
}
