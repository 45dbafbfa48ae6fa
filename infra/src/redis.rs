//! Connections to Redis: a pool for commands, and connections of their own for whoever waits.
//!
//! Nothing here waits for ever: taking from the pool, connecting and every answer have a time-out. An answer that does
//! not come in time says nothing about whether the command was carried out. The client's time-out holds for blocking
//! reads as well (it is half a second unless set), so a blocking read has a connection that is told how long it blocks.

use std::collections::HashMap;
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::{AsyncConnectionConfig, Client, InfoDict, RedisError};
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime, Timeouts};
use mashang_domain::time::Timestamp;
use tokio::time::{Instant, timeout};

/// How much longer than its block a blocking read waits for the answer: the server's timer is coarse and its answer
/// has a way to go.
pub const BLOCK_MARGIN: Duration = Duration::from_secs(2);

/// Sizes and time-outs of the connections.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Connections for commands, at most.
    pub pool_size: usize,
    /// Waiting for a free connection of the pool.
    pub wait_timeout: Duration,
    /// Making a connection, and making sure that a used one still answers.
    pub connect_timeout: Duration,
    /// Waiting for the answer to a command that does not block.
    pub response_timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { pool_size: 16, wait_timeout: second, connect_timeout: second, response_timeout: second }
    }
}

/// What can go wrong with Redis. No text of it holds the address, which may carry a password.
#[derive(Debug, thiserror::Error)]
pub enum RedisFailure {
    #[error("the address of Redis cannot be used: redis://, rediss:// or redis+unix:// is wanted")]
    Address,
    #[error("no connection to Redis: {0}")]
    Pool(#[from] PoolError),
    #[error("Redis: {0}")]
    Command(#[from] RedisError),
    #[error("no connection to Redis in time")]
    TimedOut,
    #[error("maxmemory-policy = {0}: must be noeviction, or waiting alerts would be evicted")]
    Evicts(String),
}

/// Whether Redis writes what it holds to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// An append-only file: at most about a second is lost with the default `appendfsync`.
    AppendOnly,
    /// Snapshots only: minutes may be lost, with everything in them.
    Snapshots,
    /// Nothing survives a restart.
    Off,
    /// No append-only file, and the server does not tell whether it takes snapshots.
    Unknown,
}

/// The connections of one process to one Redis. Clones share the pool.
#[derive(Clone)]
pub struct RedisPools {
    pool: Pool,
    client: Client,
    options: RedisOptions,
}

impl RedisPools {
    /// Prepares connections to `url`. Does not connect: Redis may come up later than we do.
    ///
    /// # Errors
    /// When `url` is no address of a Redis.
    pub fn connect(url: &str, options: RedisOptions) -> Result<Self, RedisFailure> {
        let client = Client::open(url).map_err(|_| RedisFailure::Address)?;
        let config = connection_config(&options, options.response_timeout);
        let manager = Manager::new_with_config(url, config).map_err(|_| RedisFailure::Address)?;
        let timeouts = Timeouts {
            wait: Some(options.wait_timeout),
            create: Some(options.connect_timeout),
            recycle: Some(options.connect_timeout),
        };
        let builder = Pool::builder(manager).max_size(options.pool_size).timeouts(timeouts);
        let pool = builder.runtime(Runtime::Tokio1).build().map_err(|_| RedisFailure::Address)?;
        Ok(Self { pool, client, options })
    }

    /// A connection for commands that do not block.
    ///
    /// # Errors
    /// When there is none after the waiting and the connecting time together. The idle connections are thrown away
    /// then: if the network swallowed them, trying one after the other would cost a time-out each.
    pub async fn get(&self) -> Result<Connection, RedisFailure> {
        let longest = self.options.wait_timeout + self.options.connect_timeout;
        match timeout(longest, self.pool.get()).await {
            Ok(connection) => Ok(connection?),
            Err(_) => {
                self.pool.retain(|_, _| false);
                Err(RedisFailure::TimedOut)
            }
        }
    }

    /// A new connection, outside the pool, for reads that block for up to `longest_block`.
    ///
    /// # Errors
    /// When it cannot be made within the connecting time.
    pub async fn blocking(&self, longest_block: Duration) -> Result<MultiplexedConnection, RedisFailure> {
        let config = connection_config(&self.options, longest_block + BLOCK_MARGIN);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        Ok(timeout(self.options.connect_timeout, connecting).await.map_err(|_| RedisFailure::TimedOut)??)
    }

    /// A new connection, outside the pool, for subscriptions.
    ///
    /// # Errors
    /// When it cannot be made within the connecting time.
    pub async fn subscriber(&self) -> Result<PubSub, RedisFailure> {
        let connecting = self.client.get_async_pubsub();
        Ok(timeout(self.options.connect_timeout, connecting).await.map_err(|_| RedisFailure::TimedOut)??)
    }

    /// The time-out for the answer to a command.
    pub fn response_timeout(&self) -> Duration {
        self.options.response_timeout
    }

    /// Asks Redis for a sign of life and answers how long that took, a new connection included.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<Duration, RedisFailure> {
        let begun = Instant::now();
        let () = ::redis::cmd("PING").query_async(&mut self.get().await?).await?;
        Ok(begun.elapsed())
    }

    /// What Redis does when its memory is full. Anything but `noeviction` may silently drop a queue with its group.
    ///
    /// # Errors
    /// When Redis does not answer. A server that keeps it to itself gives an empty text.
    pub async fn max_memory_policy(&self) -> Result<String, RedisFailure> {
        Ok(self.info("memory").await?.get("maxmemory_policy").unwrap_or_default())
    }

    /// Refuses a server that may drop the queue, with its group, when its memory is full.
    ///
    /// # Errors
    /// [`RedisFailure::Evicts`] when it would; another one when it does not answer, which is no reason not to start.
    pub async fn refuse_eviction(&self) -> Result<(), RedisFailure> {
        match self.max_memory_policy().await? {
            policy if policy == "noeviction" => Ok(()),
            policy => Err(RedisFailure::Evicts(policy)),
        }
    }

    /// Whether Redis keeps what it holds over a restart.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn persistence(&self) -> Result<Persistence, RedisFailure> {
        let append_only: Option<u8> = self.info("persistence").await?.get("aof_enabled");
        if append_only == Some(1) {
            return Ok(Persistence::AppendOnly);
        }
        // Hosted servers forbid CONFIG; then nobody knows.
        let mut ask = ::redis::cmd("CONFIG");
        let answer = ask.arg("GET").arg("save").query_async(&mut self.get().await?).await;
        Ok(match answer.map(|config: HashMap<String, String>| config.get("save").cloned()) {
            Ok(Some(points)) if points.is_empty() => Persistence::Off,
            Ok(Some(_)) => Persistence::Snapshots,
            Ok(None) | Err(_) => Persistence::Unknown,
        })
    }

    /// The clock of the server, in milliseconds.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn server_time(&self) -> Result<Timestamp, RedisFailure> {
        let (secs, micros): (i64, i64) = ::redis::cmd("TIME").query_async(&mut self.get().await?).await?;
        Ok(Timestamp::from_secs(secs) + micros / 1_000)
    }

    async fn info(&self, section: &str) -> Result<InfoDict, RedisFailure> {
        Ok(::redis::cmd("INFO").arg(section).query_async(&mut self.get().await?).await?)
    }
}

fn connection_config(options: &RedisOptions, response_timeout: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect_timeout))
        .set_response_timeout(Some(response_timeout))
}
