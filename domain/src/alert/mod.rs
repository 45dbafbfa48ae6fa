//! Alerts: who may move one from draft to done, and the texts they carry.

pub mod ladder;
pub mod state;
pub mod template;
pub mod work;

pub use state::{AlertState, AlertStep, StepRefused, step};

crate::macros::words! {
    /// A warning, or the correction that goes to exactly those who received a wrong one.
    AlertKind { Warning = "warning", Correction = "correction" }
}
