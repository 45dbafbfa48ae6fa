//! What changed, told between processes over a channel of Redis.
//!
//! A channel remembers nothing: what is said while a subscription is down is lost to its owner. So a listener drops
//! everything each time it begins to listen, and makes sure of a quiet connection before it believes in the silence.

use std::time::Duration;

use ::redis::{AsyncCommands, Msg};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Kinds;
use crate::lifecycle::Heartbeat;
use crate::redis::{RedisFailure, RedisPools};

/// A subscription that has been quiet for so long is asked for a sign of life.
const QUIET: Duration = Duration::from_secs(5);

/// The pauses before subscribing again: the first, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct Announcements {
    redis: RedisPools,
    channel: String,
}

impl Announcements {
    pub(super) fn new(redis: RedisPools, namespace: &str) -> Self {
        Self { redis, channel: format!("{namespace}:cache:changed") }
    }

    /// Says that the value of `id` changed: `colour 0198...`.
    pub(super) async fn announce(&self, kind: &str, id: Uuid) -> Result<(), RedisFailure> {
        let () = self.redis.get().await?.publish(&self.channel, format!("{kind} {id}")).await?;
        Ok(())
    }

    /// Listens for ever, over all losses of the connection.
    pub(super) async fn listen(&self, kinds: &Kinds, heartbeat: &Heartbeat) {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut heard = false;
            let lost = self.listen_once(kinds, heartbeat, &mut heard).await;
            pause = if heard { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            let reason = lost.map_or_else(|e| e.to_string(), |()| "it was closed".to_owned());
            tracing::warn!(reason, "cached values may be stale until they expire: the subscription is lost");
            sleep(pause).await;
        }
    }

    async fn listen_once(
        &self,
        kinds: &Kinds,
        heartbeat: &Heartbeat,
        heard: &mut bool,
    ) -> Result<(), RedisFailure> {
        let limit = self.redis.response_timeout();
        let (mut sink, mut messages) = self.redis.subscriber().await?.split();
        timeout(limit, sink.subscribe(&self.channel)).await.map_err(|_| RedisFailure::TimedOut)??;
        kinds.forget_all();
        *heard = true;
        loop {
            heartbeat.beat();
            match timeout(QUIET, messages.next()).await {
                Ok(Some(message)) => obey(kinds, &message),
                Ok(None) => return Ok(()),
                Err(_) => {
                    let alive = timeout(limit, sink.ping::<::redis::Value>()).await;
                    alive.map_err(|_| RedisFailure::TimedOut)??;
                }
            }
        }
    }
}

fn obey(kinds: &Kinds, message: &Msg) {
    let text: String = message.get_payload().unwrap_or_default();
    match parse(&text) {
        Some((kind, id)) => kinds.forget(kind, id),
        // Not understood, and nobody knows what it was about.
        None => kinds.forget_all(),
    }
}

fn parse(text: &str) -> Option<(&str, Uuid)> {
    let (kind, id) = text.split_once(' ')?;
    Some((kind, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_a_kind_and_an_id() {
        let id = Uuid::from_u128(9);
        assert_eq!(parse(&format!("venue {id}")), Some(("venue", id)));
        assert_eq!(parse("venue"), None);
        assert_eq!(parse("venue 9"), None);
    }
}
