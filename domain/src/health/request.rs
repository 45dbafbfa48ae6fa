//! The life of a change by hand that waits for a second official: `awaiting_second -> applied`, `refused` or `expired`.

use uuid::Uuid;

use crate::time::{DAY, Timestamp};

/// How long a request waits for its second official.
pub const WAITS: i64 = DAY;

crate::macros::words! {
    RequestState {
        AwaitingSecond = "awaiting_second", Applied = "applied", Refused = "refused", Expired = "expired",
    }
}

/// What a second official does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStep {
    Confirm,
    Refuse,
}

/// Why a step is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    #[error("the request is {0}")]
    WrongState(RequestState),
    #[error("the second official is somebody else")]
    SameOfficial,
}

/// What the rules need to know of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts {
    /// As it is stored; time is counted in here.
    pub state: RequestState,
    pub by: Uuid,
    pub expires_at: Timestamp,
}

impl RequestFacts {
    /// The state at `now`: what nobody has decided on in time is expired.
    pub fn state_at(&self, now: Timestamp) -> RequestState {
        match self.state {
            RequestState::AwaitingSecond if now >= self.expires_at => RequestState::Expired,
            state => state,
        }
    }

    /// The state after `step` by `actor`.
    pub fn step(
        &self,
        step: RequestStep,
        actor: Uuid,
        now: Timestamp,
    ) -> Result<RequestState, RequestRefused> {
        match (self.state_at(now), step) {
            (RequestState::AwaitingSecond, _) if actor == self.by => Err(RequestRefused::SameOfficial),
            (RequestState::AwaitingSecond, RequestStep::Confirm) => Ok(RequestState::Applied),
            (RequestState::AwaitingSecond, RequestStep::Refuse) => Ok(RequestState::Refused),
            (state, _) => Err(RequestRefused::WrongState(state)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const UNTIL: Timestamp = Timestamp(WAITS);

    fn facts(state: RequestState) -> RequestFacts {
        RequestFacts { state, by: BY, expires_at: UNTIL }
    }

    #[test]
    fn another_official_decides_in_time() {
        let waits = facts(RequestState::AwaitingSecond);
        let last = UNTIL + -1;
        assert_eq!(waits.step(RequestStep::Confirm, OTHER, last), Ok(RequestState::Applied));
        assert_eq!(waits.step(RequestStep::Refuse, OTHER, last), Ok(RequestState::Refused));
        for step in [RequestStep::Confirm, RequestStep::Refuse] {
            assert_eq!(waits.step(step, BY, last), Err(RequestRefused::SameOfficial));
            let expired = Err(RequestRefused::WrongState(RequestState::Expired));
            assert_eq!(waits.step(step, OTHER, UNTIL), expired);
            for state in [RequestState::Applied, RequestState::Refused, RequestState::Expired] {
                let wrong = Err(RequestRefused::WrongState(state));
                assert_eq!(facts(state).step(step, OTHER, Timestamp(0)), wrong, "decided is decided");
            }
        }
    }
}
