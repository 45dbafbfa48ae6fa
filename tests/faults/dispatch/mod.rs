//! What the scenarios of dispatch have in common: an alert that waits for its approval, notifiers, providers, one checker.

mod checker;
mod gates;
mod notifier;
mod outbreak;
mod stage;
mod told;

pub use checker::Expected;
pub use gates::{Gate, sms};
pub use notifier::Notifier;
pub use outbreak::Outbreak;
pub use stage::{Dispatch, LEASE, SWEEP, TIMEOUT, USUAL, Wanted, wall};
