//! Places: what kinds there are, the codes on their posters, and the visits that scans make.

pub mod category;
pub mod code;
pub mod plausibility;
pub mod profile;
pub mod repeat;
pub mod scan_time;
pub mod venue_state;
pub mod visit;

pub use category::Category;
pub use plausibility::SuspectReason;
pub use profile::{Address, DivisionCode, ExternalRef, ProfileError, Reason, VenueName, ZoneName};
pub use repeat::{recorded, repeats};
pub use venue_state::{Decision, Editor};
pub use visit::{OutSource, ScanPoint, Visit, visits};

crate::macros::words! {
    /// Which of a venue's two codes was scanned.
    Direction { In = "in", Out = "out" }
}

crate::macros::words! {
    /// The life of a venue: it registers itself, an official decides.
    VenueState { Pending = "pending", Approved = "approved", Suspended = "suspended", Closed = "closed" }
}

crate::macros::words! {
    /// Where a scan came from.
    ScanSource { App = "app", Import = "import", Staff = "staff" }
}
