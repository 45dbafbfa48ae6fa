//! The trace: who was at a venue when a case was there, and after.
//!
//! A *case visit* is a visit of the index person, cut to the infectious window, or a venue and a time span without a
//! person. A *meeting* is a case visit and a visit of somebody else at the same venue, `direct` or `after`. A *contact* is
//! a person with all meetings that explain them, at the worst level. The result is a function of the recorded scans, the
//! case visits and the parameters: the order in which scans arrived plays no part, and a longer after-window only adds.
//!
//! The stores compute the same with one SQL statement; [`oracle::trace`] is the plain version that they are held against.

pub mod case_visit;
pub mod contact;
pub mod digest;
pub mod edit;
pub mod meeting;
pub mod oracle;
pub mod parameters;
pub mod rule_set;
pub mod summary;
pub mod window;

pub use case_visit::{CaseRef, CaseVisit, Span, VenueRules, case_visits};
pub use contact::{Contact, TraceResult, contacts};
pub use digest::digest;
pub use edit::{CaseStay, Edit, Place, edited};
pub use meeting::{Meeting, MeetingKind, MeetingRow, meet};
pub use parameters::Parameters;
pub use rule_set::RuleSet;
pub use summary::{ByLevel, VenueCount};
pub use window::{CaseFacts, WindowError, WindowRule, infectious_window};

crate::macros::words! {
    /// A trace is being computed, frozen with its hash, or failed.
    TraceState { Running = "running", Frozen = "frozen", Failed = "failed" }
}

crate::macros::words! {
    /// What an official did to a visit of a case.
    EditAction { Add = "add", Replace = "replace", Remove = "remove" }
}
