//! The health code: what colours somebody.
//!
//! Facts (what was declared, what official records say, what was observed) meet the rules of a [`RuleSet`], which are
//! data with an id and a version; [`explain`] says which matched and why the result is what it is.

mod check;
pub mod explain;
pub mod fact;
pub mod rule_set;

pub use check::{Fault, FaultKind};
pub use explain::{Because, Explanation, explain};
pub use fact::{Declared, Fact, RecordKind, Symptom, Temperature, contradictions};
pub use rule_set::{Reason, Rule, RuleSet, RuleSetError};

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
