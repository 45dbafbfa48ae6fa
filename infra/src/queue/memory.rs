//! The queue inside one process.
//!
//! It holds the same text as the streams do, so the two forms cannot drift apart, and it forgets everything when the
//! process ends, as Redis may at any time.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::task::{decode, encode, quarantined};
use super::{CAPACITY, Priority, Queue, QueueError, QueueOptions, Receipt, StreamDepth, Taken, Task};

/// See [`Queue`]; share it in an `Arc`.
pub struct MemoryQueue {
    lease: Duration,
    lanes: Mutex<Lanes>,
    pushed: Notify,
}

#[derive(Default)]
struct Lanes {
    last_id: u64,
    login: Lane,
    alert: Lane,
}

/// One priority. Ids grow, so both maps are in the order of arrival, whatever comes back.
#[derive(Default)]
struct Lane {
    waiting: BTreeMap<u64, Entry>,
    held: BTreeMap<u64, Entry>,
    /// When the leases of `held` end, soonest first. Entries that are done stay listed until then.
    leases: VecDeque<(Instant, u64)>,
}

struct Entry {
    payload: String,
    pushed_at: Instant,
    deliveries_count: u32,
}

impl MemoryQueue {
    pub fn new(options: QueueOptions) -> Self {
        Self { lease: options.lease, lanes: Mutex::default(), pushed: Notify::new() }
    }

    /// Adds an entry that need not be a task.
    pub fn push_raw(&self, priority: Priority, payload: String) {
        self.lanes().push(priority, payload);
        self.pushed.notify_waiters();
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be taken now, and when the next lease ends.
    fn take_now(&self, max: usize) -> (Vec<Taken>, Option<Instant>) {
        let mut lanes = self.lanes();
        let now = Instant::now();
        let mut taken = Vec::new();
        let mut next_lease = None;
        for priority in Priority::ALL {
            let lane = lanes.of(priority);
            lane.end_leases(now);
            let room = max - taken.len();
            taken.extend(lane.take(priority, room, now + self.lease));
            next_lease = next_lease.into_iter().chain(lane.leases.front().map(|(end, _)| *end)).min();
        }
        lanes.remove(&quarantined(&taken));
        (taken, next_lease)
    }
}

impl Lanes {
    fn of(&mut self, priority: Priority) -> &mut Lane {
        match priority {
            Priority::Login => &mut self.login,
            Priority::Alert => &mut self.alert,
        }
    }

    fn push(&mut self, priority: Priority, payload: String) {
        self.last_id += 1;
        let id = self.last_id;
        let lane = self.of(priority);
        lane.waiting.insert(id, Entry { payload, pushed_at: Instant::now(), deliveries_count: 0 });
        if lane.waiting.len() > CAPACITY {
            lane.waiting.pop_first();
            metrics::counter!("mashang_queue_dropped_total", "priority" => priority.as_str()).increment(1);
        }
    }

    fn remove(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            let Ok(id) = receipt.id.parse() else { continue };
            let lane = self.of(receipt.priority);
            // It waits again when its lease ended before it was done.
            let _ = lane.held.remove(&id).or_else(|| lane.waiting.remove(&id));
        }
    }
}

impl Lane {
    fn end_leases(&mut self, now: Instant) {
        while let Some((_, id)) = self.leases.pop_front_if(|(end, _)| *end <= now) {
            if let Some(entry) = self.held.remove(&id) {
                self.waiting.insert(id, entry);
            }
        }
    }

    fn take(&mut self, priority: Priority, room: usize, lease_end: Instant) -> Vec<Taken> {
        let mut taken = Vec::new();
        while taken.len() < room
            && let Some((id, mut entry)) = self.waiting.pop_first()
        {
            entry.deliveries_count += 1;
            let name = id.to_string();
            taken.push(Taken {
                task: decode(&name, Some(&entry.payload), entry.deliveries_count),
                receipt: Receipt { priority, id: name },
                priority,
                deliveries_count: entry.deliveries_count,
            });
            self.held.insert(id, entry);
            self.leases.push_back((lease_end, id));
        }
        taken
    }

    fn depth(&self, priority: Priority, lease: Duration, now: Instant) -> StreamDepth {
        let firsts = [self.waiting.values().next(), self.held.values().next()];
        let oldest = firsts.into_iter().flatten().map(|e| now.duration_since(e.pushed_at)).max();
        let held = self.leases.iter().find(|(_, id)| self.held.contains_key(id));
        let held = held.map(|(end, _)| (now + lease).saturating_duration_since(*end));
        let millis = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        StreamDepth {
            priority,
            waiting: self.waiting.len(),
            pending: self.held.len(),
            oldest_ms: oldest.map(millis),
            held_ms: held.map(millis),
        }
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn push(&self, priority: Priority, tasks: &[Task]) -> Result<(), QueueError> {
        let payloads = encode(tasks)?;
        let mut lanes = self.lanes();
        payloads.into_iter().for_each(|payload| lanes.push(priority, payload));
        drop(lanes);
        self.pushed.notify_waiters();
        Ok(())
    }

    async fn take(&self, max: usize, wait: Duration) -> Result<Vec<Taken>, QueueError> {
        let deadline = Instant::now() + wait;
        loop {
            // Registered before looking, so that a push in between is not missed.
            let mut pushed = pin!(self.pushed.notified());
            pushed.as_mut().enable();
            let (taken, next_lease) = self.take_now(max);
            if !taken.is_empty() || Instant::now() >= deadline {
                return Ok(taken);
            }
            tokio::select! {
                () = pushed => {}
                () = sleep_until(next_lease.map_or(deadline, |end| end.min(deadline))) => {}
            }
        }
    }

    async fn done(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        self.lanes().remove(receipts);
        Ok(())
    }

    async fn depth(&self) -> Result<Vec<StreamDepth>, QueueError> {
        let now = Instant::now();
        let mut lanes = self.lanes();
        Ok(Priority::ALL.map(|priority| lanes.of(priority).depth(priority, self.lease, now)).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_drops_its_oldest() {
        let queue = MemoryQueue::new(QueueOptions::default());
        let tasks: Vec<_> =
            (0..=CAPACITY).map(|n| Task::FanOut { alert: Uuid::from_u128(n as u128) }).collect();
        queue.push(Priority::Alert, &tasks).await.expect("pushed");
        let taken = queue.take(1, Duration::ZERO).await.expect("taken");
        assert_eq!(taken[0].task.as_ref().expect("a task"), &tasks[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_taker_wakes_when_a_lease_ends() {
        let queue = MemoryQueue::new(QueueOptions::default());
        queue.push(Priority::Alert, &[Task::FanOut { alert: Uuid::nil() }]).await.expect("pushed");
        let begun = Instant::now();
        assert_eq!(queue.take(2, Duration::ZERO).await.expect("taken").len(), 1);
        let again = queue.take(2, Duration::from_secs(300)).await.expect("taken");
        assert_eq!((again[0].deliveries_count, begun.elapsed().as_secs()), (2, 60));
    }
}
