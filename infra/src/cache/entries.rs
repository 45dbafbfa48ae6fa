//! The values of one cache.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

/// Entries share this many counters of changes.
const STRIPES: usize = 64;

/// Values of one kind by their id. Clones share the entries.
pub struct Cache<V>(Arc<Entries<V>>);

struct Entries<V> {
    values: moka::sync::Cache<Uuid, V>,
    /// Counts the invalidations of the ids of a stripe, so that a value read before one is not kept after it.
    changes: [AtomicU64; STRIPES],
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    pub(super) fn new(capacity: u64, time_to_live: Duration) -> Self {
        let values = moka::sync::Cache::builder().max_capacity(capacity).time_to_live(time_to_live).build();
        Self(Arc::new(Entries { values, changes: std::array::from_fn(|_| AtomicU64::new(0)) }))
    }

    /// The entries, as announcements see them.
    pub(super) fn forgetful(&self) -> Arc<dyn Forget> {
        self.0.clone()
    }

    /// How many values are held.
    pub fn len(&self) -> u64 {
        self.0.values.run_pending_tasks();
        self.0.values.entry_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of `id`, when it is here.
    pub fn get(&self, id: Uuid) -> Option<V> {
        self.0.values.get(&id)
    }

    /// The value of `id`, loaded when it is not here. A value that was invalidated while it was loaded is answered
    /// and not kept. Two who ask at once may both load.
    ///
    /// # Errors
    /// Those of `load`; nothing is kept then.
    pub async fn get_or_load<E, F>(&self, id: Uuid, load: F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        if let Some(value) = self.get(id) {
            return Ok(value);
        }
        let changes = &self.0.changes[stripe(id)];
        let before = changes.load(Ordering::SeqCst);
        let value = load.await?;
        self.0.values.insert(id, value.clone());
        // Counted after the insert: whoever counts later than this look removes later than the insert.
        if changes.load(Ordering::SeqCst) != before {
            self.0.values.invalidate(&id);
        }
        Ok(value)
    }
}

/// What an announcement does, whatever the type of the values.
pub(super) trait Forget: Send + Sync {
    fn forget(&self, id: Uuid);
    fn forget_all(&self);
}

impl<V: Clone + Send + Sync + 'static> Forget for Entries<V> {
    fn forget(&self, id: Uuid) {
        self.changes[stripe(id)].fetch_add(1, Ordering::SeqCst);
        self.values.invalidate(&id);
    }

    fn forget_all(&self) {
        for stripe in &self.changes {
            stripe.fetch_add(1, Ordering::SeqCst);
        }
        self.values.invalidate_all();
    }
}

fn stripe(id: Uuid) -> usize {
    usize::from(id.as_bytes()[15]) % STRIPES
}
