//! Turns of the calls that one hand-over makes beyond its first: they keep to the gateway's pace as well.

use async_trait::async_trait;
use mashang_domain::delivery::{ErrorClass, Outcome};

/// The code of those whose call was not begun.
const NO_TURN: &str = "no_turn";

/// Who gives turns.
#[async_trait]
pub trait Turns: Sync {
    /// Waits for the turn of one more call; false when none may begin any more.
    async fn next(&self) -> bool;
}

/// No waiting: for who hands over a single message, or keeps no pace.
pub struct AtOnce;

#[async_trait]
impl Turns for AtOnce {
    async fn next(&self) -> bool {
        true
    }
}

/// The outcome of those for whom there was no turn left.
pub(super) fn no_turn() -> Outcome {
    Outcome::rejected(ErrorClass::Retry, NO_TURN)
}

/// Whether a message was left because there was no turn for its call: that counts as no try.
pub(crate) fn is_no_turn(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Rejected { code, .. } if code == NO_TURN)
}
