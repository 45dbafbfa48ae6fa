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
    pub settings: Vec<(String, String)>,
    pub servers: Servers,
}

impl Ctx {
    /// The settings by which the product differs from its defaults in this run.
    pub fn changes(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

/// A word about what is being done, for who waits.
#[expect(clippy::print_stderr, reason = "progress is not part of the tables")]
pub fn progress(what: impl std::fmt::Display) {
    eprintln!("   {what}");
}
