//! What protects people: how long data is kept, who looked, and what the end of the operation destroys.

pub mod audit;
pub mod certificate;
pub mod ending;
pub mod retention;

crate::macros::words! {
    /// The operation all data belongs to. Ending needs two administrators.
    OperationState { Running = "running", EndRequested = "end_requested", Ended = "ended" }
}
