//! What the scenarios of dispatch have in common: an alert that waits for its approval, notifiers, providers, one checker.

mod checker;
mod counters;
mod gates;
mod metrics;
mod notifier;
mod nowhere;
mod outbreak;
mod progress;
mod rules;
mod stage;
mod told;

pub use checker::Expected;
pub use gates::{Gate, sms};
pub use notifier::Notifier;
pub use outbreak::Outbreak;
pub use progress::wall;
pub use stage::{Dispatch, LEASE, SWEEP, TIMEOUT, USUAL, Wanted};
