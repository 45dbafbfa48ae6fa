//! The life of an alert: `draft -> submitted -> approved -> sending -> done`, or `rejected`, or `cancelled`.

use uuid::Uuid;

crate::macros::words! {
    AlertState {
        Draft = "draft", Submitted = "submitted", Approved = "approved", Sending = "sending", Done = "done",
        Rejected = "rejected", Cancelled = "cancelled",
    }
}

/// What somebody wants to do with an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertStep<'a> {
    Submit,
    /// Approves the trace by its hash, as the approver saw it.
    Approve {
        trace_sha256: &'a str,
    },
    Reject,
    Cancel,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepRefused {
    #[error("the alert is {0}")]
    WrongState(AlertState),
    #[error("who submitted an alert cannot approve it")]
    OwnSubmission,
    #[error("the trace has changed since it was submitted")]
    TraceChanged,
}

/// What the rule needs to know of an alert.
#[derive(Debug, Clone, Copy)]
pub struct AlertFacts<'a> {
    pub state: AlertState,
    pub created_by: Uuid,
    pub submitted_by: Option<Uuid>,
    pub trace_sha256: &'a str,
}

/// The state after `step` by `actor`, or why not. Neither the drafter nor the submitter may approve or reject: four eyes.
pub fn step(alert: &AlertFacts<'_>, step: AlertStep<'_>, actor: Uuid) -> Result<AlertState, StepRefused> {
    use AlertState::{Approved, Cancelled, Draft, Rejected, Sending, Submitted};
    let own = alert.created_by == actor || alert.submitted_by == Some(actor);
    match (step, alert.state) {
        (AlertStep::Submit, Draft) => Ok(Submitted),
        (AlertStep::Approve { .. } | AlertStep::Reject, Submitted) if own => Err(StepRefused::OwnSubmission),
        (AlertStep::Approve { trace_sha256 }, Submitted) if trace_sha256 != alert.trace_sha256 => {
            Err(StepRefused::TraceChanged)
        }
        (AlertStep::Approve { .. }, Submitted) => Ok(Approved),
        (AlertStep::Reject, Submitted) => Ok(Rejected),
        (AlertStep::Cancel, Draft | Submitted | Approved | Sending) => Ok(Cancelled),
        (AlertStep::Submit | AlertStep::Approve { .. } | AlertStep::Reject | AlertStep::Cancel, state) => {
            Err(StepRefused::WrongState(state))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAFTER: Uuid = Uuid::from_u128(1);
    const SUBMITTER: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);

    fn facts(state: AlertState) -> AlertFacts<'static> {
        AlertFacts { state, created_by: DRAFTER, submitted_by: Some(SUBMITTER), trace_sha256: "abc" }
    }

    #[test]
    fn every_step_from_every_state() {
        let approve = AlertStep::Approve { trace_sha256: "abc" };
        for state in AlertState::ALL.iter().copied() {
            let f = facts(state);
            assert_eq!(step(&f, AlertStep::Submit, OTHER).is_ok(), state == AlertState::Draft, "{state}");
            assert_eq!(step(&f, approve, OTHER).is_ok(), state == AlertState::Submitted, "{state}");
            assert_eq!(step(&f, AlertStep::Reject, OTHER).is_ok(), state == AlertState::Submitted, "{state}");
            let ended = matches!(state, AlertState::Done | AlertState::Rejected | AlertState::Cancelled);
            assert_eq!(step(&f, AlertStep::Cancel, OTHER).is_ok(), !ended, "{state}");
        }
    }

    #[test]
    fn four_eyes_and_the_hash() {
        let f = facts(AlertState::Submitted);
        let approve = AlertStep::Approve { trace_sha256: "abc" };
        assert_eq!(step(&f, approve, SUBMITTER), Err(StepRefused::OwnSubmission));
        assert_eq!(step(&f, approve, DRAFTER), Err(StepRefused::OwnSubmission));
        assert_eq!(
            step(&f, AlertStep::Approve { trace_sha256: "abd" }, OTHER),
            Err(StepRefused::TraceChanged)
        );
        assert_eq!(step(&f, approve, OTHER), Ok(AlertState::Approved));
    }
}
