//! The rules of Mashang, pure.
//!
//! Nothing here does I/O, reads a clock or draws a random number: `now` and the random source are parameters. A rule of
//! the epidemic has its one place in this crate; everything around it (stores, queues, HTTP) only carries values to and
//! from it.

mod macros;
pub mod time;

pub mod alert;
pub mod delivery;
pub mod health;
pub mod person;
pub mod protection;
pub mod trace;
pub mod venue;

/// A word that stands in no list of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word `{0}`")]
pub struct UnknownWord(pub String);
