//! Look-ups that every scan makes (venues, colours), kept in the process for a short time.
//!
//! Whoever changes a row calls [`Caches::invalidate`]: this process drops its entry at once, and the others when Redis
//! tells them. Telling can fail, so it is never the only safeguard: entries live for a short time in any case, and a
//! process that was cut off from the announcements drops everything when it hears them again.

mod announcements;
mod entries;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use uuid::Uuid;

use self::announcements::Announcements;
pub use self::entries::Cache;
use self::entries::Forget;
use crate::lifecycle::Lifecycle;
use crate::redis::RedisPools;

/// All caches of a process and its connection with those of the others. Clones share them.
#[derive(Clone)]
pub struct Caches {
    kinds: Kinds,
    announcements: Option<Announcements>,
}

/// Every cache of a process by the kind of its values; several may hold one kind.
type ByKind = HashMap<&'static str, Vec<Arc<dyn Forget>>>;

#[derive(Clone, Default)]
struct Kinds(Arc<RwLock<ByKind>>);

impl Kinds {
    fn forget(&self, kind: &str, id: Uuid) {
        let kinds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(kind).into_iter().flatten().for_each(|entries| entries.forget(id));
    }

    fn forget_all(&self) {
        let kinds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kinds.values().flatten().for_each(|entries| entries.forget_all());
    }
}

impl Caches {
    /// Caches of a process that is alone.
    pub fn in_process() -> Self {
        Self { kinds: Kinds::default(), announcements: None }
    }

    /// Caches that tell those of other processes, on the same Redis and with the same `namespace`, what to drop. Run
    /// [`Caches::listen`] as a task as well.
    pub fn over(redis: RedisPools, namespace: &str) -> Self {
        Self { kinds: Kinds::default(), announcements: Some(Announcements::new(redis, namespace)) }
    }

    /// Makes a cache for values of `kind` (one word) with room for `capacity` of them. `time_to_live` bounds how stale a
    /// value can be when announcements are lost: seconds, not minutes.
    pub fn cache<V>(&self, kind: &'static str, capacity: u64, time_to_live: Duration) -> Cache<V>
    where
        V: Clone + Send + Sync + 'static,
    {
        let cache = Cache::new(capacity, time_to_live);
        let mut kinds = self.kinds.0.write().unwrap_or_else(PoisonError::into_inner);
        kinds.entry(kind).or_default().push(cache.forgetful());
        cache
    }

    /// Drops the value of `id` in all processes. Call it after the commit of the change. Never fails: a process that
    /// could not be told keeps the old value until it expires, and that is counted.
    pub async fn invalidate(&self, kind: &str, id: Uuid) {
        self.kinds.forget(kind, id);
        let Some(announcements) = &self.announcements else { return };
        if let Err(e) = announcements.announce(kind, id).await {
            metrics::counter!("mashang_cache_announcements_failed_total").increment(1);
            tracing::warn!(kind, %id, error = %e, "other processes keep this value until it expires");
        }
    }

    /// Drops what other processes announce, until the soft stop.
    pub async fn listen(self, life: Lifecycle) {
        if let Some(announcements) = &self.announcements {
            let heartbeat = life.heartbeat("announcements");
            life.soft.run_until_cancelled(announcements.listen(&self.kinds, &heartbeat)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn load(cache: &Cache<u8>, id: Uuid, value: u8) -> u8 {
        let Ok(value) = cache.get_or_load(id, async { Ok::<_, Infallible>(value) }).await;
        value
    }

    #[tokio::test]
    async fn a_value_is_loaded_once_and_again_after_its_change() {
        let caches = Caches::in_process();
        let (colours, venues) =
            (caches.cache::<u8>("colour", 10, LONG), caches.cache::<u8>("venue", 10, LONG));
        let id = Uuid::from_u128(1);
        assert_eq!((load(&colours, id, 1).await, load(&colours, id, 2).await), (1, 1));
        load(&venues, id, 7).await;
        caches.invalidate("colour", id).await;
        assert_eq!((colours.get(id), venues.get(id)), (None, Some(7)));
        assert_eq!(load(&colours, id, 2).await, 2);
    }

    #[tokio::test]
    async fn a_value_read_before_a_change_is_not_kept_after_it() {
        let caches = Caches::in_process();
        let colours = caches.cache::<u8>("colour", 10, LONG);
        let id = Uuid::from_u128(1);
        let slow = colours.get_or_load(id, async {
            caches.invalidate("colour", id).await;
            Ok::<_, Infallible>(1)
        });
        assert_eq!((slow.await, colours.get(id)), (Ok(1), None));
    }

    #[tokio::test]
    async fn a_failed_look_up_is_not_kept_and_values_expire() {
        let cache = Caches::in_process().cache::<u8>("colour", 10, Duration::from_millis(20));
        let id = Uuid::from_u128(1);
        assert_eq!(cache.get_or_load(id, async { Err("down") }).await, Err("down"));
        load(&cache, id, 1).await;
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(cache.get(id), None);
    }

    #[tokio::test]
    async fn the_number_of_values_is_bounded() {
        let cache = Caches::in_process().cache::<u8>("venue", 10, LONG);
        for n in 0..1_000 {
            load(&cache, Uuid::from_u128(n), 0).await;
        }
        assert!(cache.len() <= 10);
    }
}
