//! The health code: what colours somebody, and what turns them green again.
//!
//! Facts (what was declared, what official records say, what was observed) meet the rules of a [`RuleSet`], which are
//! data with an id and a version; [`explain`] says which matched and why the result is what it is. [`apply`] moves a
//! [`HealthState`] by one [`Event`]. Days are calendar days of Asia/Shanghai. Nothing turns anybody green early: what
//! worsens a colour holds at any time, what lightens it needs its days, its decision, and a clock that has not gone back.
//!
//! **The count.** A day counts with its first normal check-in, the day of colouring too when it comes after the colour; the
//! check-in that completes the count turns the code at once. A day without one, before today, starts the count again, and
//! so does a symptom or a fever at a gate, whose day counts no more. What matches on top of a colour never makes it milder
//! and asks for its own days from then on; the same evidence counts once. Who waits for a release misses no day.

pub mod appeal;
pub mod area;
mod check;
pub mod event;
pub mod explain;
pub mod fact;
pub mod gate;
mod machine;
pub mod manual;
pub mod oracle;
pub mod reminder;
pub mod request;
pub mod rule_set;
pub mod state;
pub mod statistics;
pub mod trip;
mod work;

pub use area::{KeyArea, KeyAreaError, Stay};
pub use check::{Fault, FaultKind};
pub use event::{Change, ChangeKind, Event, Integrity, IntegrityKind, Outcome, Refused, Review};
pub use explain::{Because, Explanation, explain};
pub use fact::{Declared, Fact, ListKind, RecordKind, Symptom, Temperature, contradictions};
pub use gate::{DeviceStatus, Reading};
pub use machine::{apply, as_of};
pub use manual::{Authorised, Ground, ManualChange, ManualLimits};
pub use reminder::{ReminderKind, ReminderWay};
pub use request::RequestState;
pub use rule_set::{Reason, Rule, RuleSet, RuleSetError};
pub use state::{HealthState, missed_days};
pub use trip::{Transport, Trip, TripFault};

crate::macros::words! {
    /// The colour of a health code, the mildest first.
    Colour {
        /// No valid declaration.
        Grey = "grey",
        Green = "green",
        /// At home, daily check-ins.
        Yellow = "yellow",
        /// In quarantine, daily check-ins.
        Red = "red",
    }
}

#[cfg(test)]
mod tests;
