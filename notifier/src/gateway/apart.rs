//! Calls that carry several people: who may share one, and what happens when one of them spoils it.

use async_trait::async_trait;
use mashang_domain::delivery::{ErrorClass, Outcome};

use super::Recipient;

/// Whether these people get the very same text.
pub(super) fn same_variables(recipients: &[Recipient]) -> bool {
    recipients.windows(2).all(|pair| pair[0].variables == pair[1].variables)
}

/// Who can send to one recipient by a call of their own.
#[async_trait]
pub(super) trait SendOne: Sync {
    async fn send_one(&self, template: &str, recipient: &Recipient) -> Outcome;
}

/// One call per recipient, for a call that was refused as a whole because of one of its numbers. It stops at an answer
/// that is not about the number: the rest would meet the same and is left for the next try.
pub(super) async fn singly(gateway: &impl SendOne, template: &str, recipients: &[Recipient]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let outcome = gateway.send_one(template, recipient).await;
        let go_on = matches!(outcome, Outcome::Accepted { .. }) || outcome.is_about_the_number();
        outcomes.push(outcome);
        if !go_on {
            break;
        }
    }
    outcomes.resize(recipients.len(), Outcome::rejected(ErrorClass::Retry, "split_stopped"));
    outcomes
}
