//! The life of a venue: it registers itself, an official decides, and may decide again.
//!
//! ```text
//! pending ── approve ──> approved ── suspend ──> suspended
//!    └─────────── close ────┴──────── close ────────┴──> closed
//! suspended, closed ── approve ──> approved (it opens again; its printed codes are good again)
//! ```
//! Deciding what is already so changes nothing and is no error: two officials may press the same button.

use super::VenueState;

crate::macros::words! {
    /// What an official decides about a venue.
    Decision { Approve = "approve", Suspend = "suspend", Close = "close" }
}

crate::macros::words! {
    /// In whose place somebody changes a venue.
    Editor {
        /// The citizen who registered it.
        Manager = "manager",
        /// An official of its division.
        Official = "official",
    }
}

/// A decision that makes no sense now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a venue that is {present} cannot be {decision}")]
pub struct WrongState {
    pub present: VenueState,
    pub decision: Decision,
}

impl VenueState {
    /// The state after a decision.
    ///
    /// # Errors
    /// [`WrongState`] when only an approved venue could be suspended.
    pub const fn after(self, decision: Decision) -> Result<VenueState, WrongState> {
        use VenueState::{Approved, Closed, Pending, Suspended};
        match (self, decision) {
            (Pending | Approved | Suspended | Closed, Decision::Approve) => Ok(Approved),
            (Approved | Suspended, Decision::Suspend) => Ok(Suspended),
            (Pending | Approved | Suspended | Closed, Decision::Close) => Ok(Closed),
            (Pending | Closed, Decision::Suspend) => Err(WrongState { present: self, decision }),
        }
    }

    /// Whether people may scan there.
    pub const fn takes_scans(self) -> bool {
        matches!(self, VenueState::Approved)
    }

    /// Whether its posters may be printed. A venue that waits may print ahead: its codes stay what they are, and scans
    /// of them are refused until it is approved.
    pub const fn may_print(self) -> bool {
        matches!(self, VenueState::Pending | VenueState::Approved)
    }

    /// Whether `editor` may change what was approved: name, category, division, indoors.
    ///
    /// A manager may while nobody has approved it. After that a new name would put words into the official's mouth, and
    /// going back to `pending` would close the doors of a running shop; so an official makes that change.
    pub const fn may_rename(self, editor: Editor) -> bool {
        match editor {
            Editor::Official => true,
            Editor::Manager => matches!(self, VenueState::Pending),
        }
    }

    /// Whether `editor` may change address, contact and coordinates, add zones and rotate codes.
    pub const fn may_maintain(self, editor: Editor) -> bool {
        match editor {
            Editor::Official => true,
            Editor::Manager => !matches!(self, VenueState::Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use VenueState::{Approved, Closed, Pending, Suspended};

    #[test]
    fn every_decision_in_every_state() {
        for (given, decision, expected) in [
            (Pending, Decision::Approve, Some(Approved)),
            (Approved, Decision::Approve, Some(Approved)),
            (Suspended, Decision::Approve, Some(Approved)),
            (Closed, Decision::Approve, Some(Approved)),
            (Pending, Decision::Suspend, None),
            (Approved, Decision::Suspend, Some(Suspended)),
            (Suspended, Decision::Suspend, Some(Suspended)),
            (Closed, Decision::Suspend, None),
            (Pending, Decision::Close, Some(Closed)),
            (Approved, Decision::Close, Some(Closed)),
            (Suspended, Decision::Close, Some(Closed)),
            (Closed, Decision::Close, Some(Closed)),
        ] {
            assert_eq!(given.after(decision).ok(), expected, "{given} {decision}");
        }
    }

    #[test]
    fn a_manager_changes_what_nobody_approved_and_an_official_the_rest() {
        for state in VenueState::ALL {
            assert!(state.may_rename(Editor::Official) && state.may_maintain(Editor::Official));
            assert_eq!(state.may_rename(Editor::Manager), *state == Pending);
            assert_eq!(state.may_maintain(Editor::Manager), *state != Closed);
        }
    }

    #[test]
    fn only_an_approved_venue_takes_scans() {
        let open: Vec<_> = VenueState::ALL.iter().filter(|s| s.takes_scans()).collect();
        assert_eq!(open, [&Approved]);
        assert!(Pending.may_print() && Approved.may_print() && !Suspended.may_print() && !Closed.may_print());
    }
}
