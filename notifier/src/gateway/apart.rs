//! Calls that carry several people: who may share one, and what happens when one of them spoils it.

use async_trait::async_trait;
use mashang_domain::delivery::{ErrorClass, Outcome};

use super::turns::no_turn;
use super::{Recipient, Turns};

/// The code of those who were not tried.
const STOPPED: &str = "split_stopped";

/// Whether these people get the very same text.
pub(super) fn same_variables(recipients: &[Recipient]) -> bool {
    recipients.windows(2).all(|pair| pair[0].variables == pair[1].variables)
}

/// Who can send to one recipient by a call of their own.
#[async_trait]
pub(super) trait SendOne: Sync {
    async fn send_one(&self, template: &str, recipient: &Recipient) -> Outcome;
}

/// One call per recipient, each in its turn, for a call that was refused as a whole because of one of its numbers. It stops at
/// an answer that is not about the number: the rest would meet the same and is left for the next try.
pub(super) async fn singly(
    gateway: &impl SendOne,
    template: &str,
    recipients: &[Recipient],
    turns: &dyn Turns,
) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(recipients.len());
    let mut left = None;
    for recipient in recipients {
        if !turns.next().await {
            left = Some(no_turn());
            break;
        }
        let outcome = gateway.send_one(template, recipient).await;
        let go_on = matches!(outcome, Outcome::Accepted { .. }) || outcome.is_about_the_number();
        if !go_on {
            left = Some(not_tried(&outcome));
        }
        outcomes.push(outcome);
        if left.is_some() {
            break;
        }
    }
    let left = left.unwrap_or_else(|| Outcome::rejected(ErrorClass::Retry, STOPPED));
    outcomes.resize(recipients.len(), left);
    outcomes
}

/// What the rest would have met: a provider that wants fewer calls has judged none of them, and that counts as no try.
fn not_tried(stopped_at: &Outcome) -> Outcome {
    match stopped_at {
        Outcome::Rejected { class, retry_after_ms, .. } => {
            Outcome::Rejected { class: *class, code: STOPPED.to_owned(), retry_after_ms: *retry_after_ms }
        }
        Outcome::Accepted { .. } | Outcome::Unknown { .. } => Outcome::rejected(ErrorClass::Retry, STOPPED),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use mashang_domain::person::Phone;

    use super::*;
    use crate::gateway::{AtOnce, is_no_turn};

    /// Answers in this order, and must not be asked for more.
    struct Script(Mutex<Vec<Outcome>>);

    #[async_trait]
    impl SendOne for Script {
        async fn send_one(&self, _template: &str, _recipient: &Recipient) -> Outcome {
            self.0.lock().expect("lock").remove(0)
        }
    }

    /// So many turns, and none after them.
    struct Turn(Mutex<usize>);

    #[async_trait]
    impl Turns for Turn {
        async fn next(&self) -> bool {
            let mut left = self.0.lock().expect("lock");
            let any = *left > 0;
            *left = left.saturating_sub(1);
            any
        }
    }

    async fn outcomes(of: &[Outcome], people: usize) -> Vec<Outcome> {
        outcomes_in(of, people, &AtOnce).await
    }

    async fn outcomes_in(of: &[Outcome], people: usize, turns: &dyn Turns) -> Vec<Outcome> {
        let recipient = |n: usize| Recipient {
            to: Phone::parse(&format!("1380013{n:04}")).expect("parses").into(),
            reference: format!("r{n}"),
            variables: Vec::new(),
            text: String::new(),
        };
        let recipients: Vec<Recipient> = (0..people).map(recipient).collect();
        singly(&Script(Mutex::new(of.to_vec())), "template", &recipients, turns).await
    }

    fn accepted() -> Outcome {
        Outcome::Accepted { provider_id: "p".into() }
    }

    #[tokio::test]
    async fn one_bad_number_spoils_its_own_message_only() {
        let bad = Outcome::rejected(ErrorClass::FrequencyLimited, "daily");
        let script = [accepted(), bad, accepted()];
        assert_eq!(outcomes(&script, 3).await, script);
    }

    #[tokio::test]
    async fn who_was_not_tried_because_calls_are_too_many_has_no_try_counted() {
        let slower = Outcome::Rejected {
            class: ErrorClass::Throttled,
            code: "slower".into(),
            retry_after_ms: Some(700),
        };
        let got = outcomes(&[accepted(), slower.clone()], 4).await;
        let left = Outcome::Rejected {
            class: ErrorClass::Throttled,
            code: STOPPED.into(),
            retry_after_ms: Some(700),
        };
        assert_eq!(got, [accepted(), slower, left.clone(), left]);
    }

    #[tokio::test]
    async fn after_a_lost_answer_the_rest_is_certainly_not_sent() {
        let got = outcomes(&[Outcome::unknown("timeout")], 2).await;
        assert_eq!(got, [Outcome::unknown("timeout"), Outcome::rejected(ErrorClass::Retry, STOPPED)]);
    }
    #[tokio::test]
    async fn each_call_takes_a_turn_and_who_gets_none_was_never_handed_over() {
        let got = outcomes_in(&[accepted(), accepted()], 4, &Turn(Mutex::new(2))).await;
        assert_eq!(got[..2], [accepted(), accepted()]);
        assert!(got[2..].iter().all(is_no_turn), "{got:?}");
    }
}
