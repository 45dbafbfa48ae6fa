//! What every subject is given.

use crate::servers::Servers;

/// How much is measured, and where.
pub struct Ctx {
    /// Rounds of each measurement; peers and ours take turns within a round.
    pub rounds: usize,
    /// Seconds of one measurement under load, without its warm-up.
    pub seconds: u64,
    /// Whether the peers are measured too.
    pub peers: bool,
    pub servers: Servers,
}

impl Ctx {
    pub fn new(rounds: usize, seconds: u64, peers: bool) -> anyhow::Result<Self> {
        Ok(Self {
            rounds: rounds.max(1),
            seconds: seconds.max(1),
            peers,
            servers: Servers::from_environment()?,
        })
    }
}

/// A word about what is being done, for who waits.
#[expect(clippy::print_stderr, reason = "progress is not part of the tables")]
pub fn progress(what: impl std::fmt::Display) {
    eprintln!("   {what}");
}
