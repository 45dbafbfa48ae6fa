//! Asking a provider what became of a message, where its receipts are not pushed or were lost.

use async_trait::async_trait;
use mashang_domain::delivery::{ErrorClass, Outcome};
use mashang_domain::person::Phone;
use mashang_domain::time::Timestamp;

use crate::receipt::Receipt;

/// One message that somebody wants to know about. `Debug` shows the mask of the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub phone: Phone,
    /// Of the accepted call; absent when its answer was lost.
    pub provider_id: Option<String>,
    /// The reference that the provider was told ([`super::Gateway::sent_references`]).
    pub told: String,
    /// When it was called.
    pub sent_at: Timestamp,
}

/// What the provider says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// How it ended.
    Receipt(Receipt),
    /// It was taken, and has not ended.
    OnItsWay,
    /// Nothing is known there, or not yet.
    NotKnown,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Too many questions: ask again later.
    #[error("asked too often")]
    Throttled,
    /// Keys, rights, parameters; with the provider's code.
    #[error("refused: {0}")]
    Refused(String),
    /// Not reached, or not understood.
    #[error("no answer: {0}")]
    Lost(String),
}

impl From<Outcome> for NoAnswer {
    /// Of a call that was not accepted.
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Rejected { class: ErrorClass::Throttled, .. } => Self::Throttled,
            Outcome::Rejected { class: ErrorClass::Retry, code, .. } | Outcome::Unknown { code } => {
                Self::Lost(code)
            }
            Outcome::Rejected { code, .. } => Self::Refused(code),
            Outcome::Accepted { .. } => Self::Lost("accepted".to_owned()),
        }
    }
}

/// A provider that can be asked. Asking changes nothing there and may be repeated.
#[async_trait]
pub trait Answering: Send + Sync {
    async fn ask(&self, question: &Question) -> Result<Answer, NoAnswer>;

    /// Receipts that the provider keeps for whoever fetches them: once fetched they are gone there, so that whoever calls
    /// this stores them. None where there is no such thing, or the settings do not want it.
    async fn fetch(&self) -> Result<Vec<Receipt>, NoAnswer> {
        Ok(Vec::new())
    }
}
