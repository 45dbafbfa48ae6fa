//! Who waits for an answer of the database, and since when.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Those who wait, in the order in which they came.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    next: u64,
    since: BTreeMap<u64, Instant>,
}

/// One who waits, until it is dropped.
pub(super) struct Waiter<'a> {
    number: u64,
    queue: &'a Waiting,
}

impl Waiting {
    pub(super) fn join(&self) -> Waiter<'_> {
        let mut queue = self.lock();
        let number = queue.next;
        queue.next += 1;
        queue.since.insert(number, Instant::now());
        Waiter { number, queue: self }
    }

    /// The numbers of those who have waited for as long as this.
    pub(super) fn longer_than(&self, time: Duration) -> Vec<u64> {
        // They came in this order, so the cost is that of the answer.
        let waits = |since: &Instant| since.elapsed() >= time;
        self.lock().since.iter().take_while(|(_, since)| waits(since)).map(|(number, _)| *number).collect()
    }

    /// How many of these still wait.
    pub(super) fn still(&self, numbers: &[u64]) -> usize {
        let queue = self.lock();
        numbers.iter().filter(|number| queue.since.contains_key(number)).count()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.queue.lock().since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_not_counted() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.join(), waiting.join());
        let both = waiting.longer_than(Duration::ZERO);
        assert_eq!(both, [0, 1]);
        assert!(waiting.longer_than(Duration::from_secs(60)).is_empty(), "they have just come");
        drop(first);
        let _third = waiting.join();
        assert_eq!(waiting.still(&both), 1, "who came later is another one");
        drop(second);
        assert_eq!(waiting.still(&both), 0);
    }
}
