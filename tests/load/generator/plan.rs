//! How many connections ask how fast for how long.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Plan {
    pub connections: usize,
    pub load: Load,
    pub warm_up: Duration,
    pub measured: Duration,
    /// The status of a good answer.
    pub wanted: u16,
}

#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// Each connection asks again as soon as it is answered. For throughput; its latency is that of a crowd that waits.
    Closed,
    /// So many requests a second in all, each with its time. An answer that is late delays nobody's intended start.
    Open { rate: f64 },
}

impl Plan {
    /// When request `n` of a connection is due after the beginning: the connections take turns.
    pub fn due(&self, connection: usize, n: usize) -> Duration {
        match self.load {
            Load::Closed => Duration::ZERO,
            Load::Open { rate } => Duration::from_secs_f64((n * self.connections + connection) as f64 / rate),
        }
    }
}
