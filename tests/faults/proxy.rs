//! A loopback TCP proxy between the api and PostgreSQL: passes, and does to connections what networks do to them.

mod pair;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::pair::pass;

/// What happens to every `n`th COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum AtCommit {
    Pass = 0,
    /// It never arrives: the transaction is lost.
    CutBefore = 1,
    /// It is carried out, and its answer never arrives.
    CutAfter = 2,
}

/// What is done to all connections of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    None,
    Reset,
    Swallow,
    /// To every second connection.
    SwallowHalf,
}

struct Shared {
    upstream: u16,
    orders: watch::Sender<(u64, Order)>,
    delay_us: AtomicU64,
    at_commit: AtomicU32,
    every: AtomicUsize,
    commits: AtomicUsize,
    cuts: AtomicUsize,
    /// Bytes from clients until the connection that sends the last of them is reset; negative: never.
    fuse: AtomicI64,
}

pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(upstream: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            upstream,
            orders: watch::Sender::new((0, Order::None)),
            delay_us: AtomicU64::new(0),
            at_commit: AtomicU32::new(0),
            every: AtomicUsize::new(1),
            commits: AtomicUsize::new(0),
            cuts: AtomicUsize::new(0),
            fuse: AtomicI64::new(-1),
        });
        let accept = Arc::clone(&shared);
        let listener = tokio::spawn(async move {
            let mut second = false;
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, second, Arc::clone(&accept)));
                second = !second;
            }
        });
        Ok(Self { port, shared, listener })
    }

    /// RST on every connection; new ones pass.
    pub fn reset_all(&self) {
        self.order(Order::Reset);
    }

    /// Every connection of now falls silent for ever, without an end; new ones pass.
    pub fn swallow_all(&self) {
        self.order(Order::Swallow);
    }

    /// As [`Proxy::swallow_all`], but only every second connection.
    pub fn swallow_half(&self) {
        self.order(Order::SwallowHalf);
    }

    fn order(&self, order: Order) {
        self.shared.orders.send_modify(|now| *now = (now.0 + 1, order));
    }

    /// Every piece of bytes waits so long on its way.
    pub fn slow(&self, delay: Duration) {
        self.shared.delay_us.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What happens to every `every`th COMMIT from now on.
    pub fn at_commit(&self, what: AtCommit, every: usize) {
        self.shared.every.store(every.max(1), Ordering::Relaxed);
        self.shared.at_commit.store(what as u32, Ordering::Relaxed);
    }

    /// Resets the connection that sends the `bytes`th byte from now on.
    pub fn light_fuse(&self, bytes: i64) {
        self.shared.fuse.store(bytes, Ordering::Relaxed);
    }

    /// Connections that were cut at a COMMIT or by the fuse.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.reset_all();
    }
}
