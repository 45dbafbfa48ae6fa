//! What one try at one gateway came to, for one person.
//!
//! An outcome is a value, never an error: the dispatcher decides by it whether to wait, to retry, to change the gateway or
//! the channel, or to call an operator. The one that needs care is [`Outcome::Unknown`]: no SMS provider is idempotent, so a
//! resend after a lost answer may warn a person twice.

/// The outcome of one try, for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took the message. The dispatcher records `provider_id` and waits for the receipt. The id may be shared
    /// by all recipients of one call.
    Accepted { provider_id: String },
    /// The provider certainly did not take the message; `class` says what to do, `code` is the provider's own word for it.
    /// `retry_after_ms`: the delay the provider asked for, in milliseconds.
    Rejected { class: ErrorClass, code: String, retry_after_ms: Option<i64> },
    /// The answer was lost or unreadable: the message may be on its way. The dispatcher looks for a receipt first and
    /// resends only after its waiting time, or at once where the gateway is idempotent.
    Unknown { code: String },
}

impl Outcome {
    /// A refusal without a delay of the provider's own.
    pub fn rejected(class: ErrorClass, code: impl Into<String>) -> Self {
        Self::Rejected { class, code: code.into(), retry_after_ms: None }
    }

    pub fn unknown(code: impl Into<String>) -> Self {
        Self::Unknown { code: code.into() }
    }

    /// Whether the refusal speaks of the number and not of the gateway: it says nothing about other recipients.
    pub const fn is_about_the_number(&self) -> bool {
        match self {
            Self::Rejected { class, .. } => class.is_about_the_number(),
            Self::Accepted { .. } | Self::Unknown { .. } => false,
        }
    }
}

crate::macros::words! {
    /// Why a provider refused, in the terms of what the dispatcher does next.
    ErrorClass {
        /// Nothing was accepted and nothing is wrong with the message: try again after the next step of the retry schedule,
        /// at this gateway or another.
        Retry = "retry",
        /// The gateway asks to slow down: lower its rate, wait the delay it names. Not counted as a try.
        Throttled = "throttled",
        /// The number does not exist or refuses messages: stop this channel for this person, try the other channel.
        NumberInvalid = "number_invalid",
        /// This person has had too many messages lately: wait hours, or use the other channel.
        FrequencyLimited = "frequency_limited",
        /// Balance, quota or suspension of the account: open the breaker of the gateway, fail over, call an operator.
        Account = "account",
        /// Key, signature, template or parameters are wrong: stop this template at this gateway, call an operator.
        Configuration = "configuration",
    }
}

impl ErrorClass {
    /// Whether the refusal is bound to the recipient rather than to the gateway.
    pub const fn is_about_the_number(self) -> bool {
        match self {
            Self::NumberInvalid | Self::FrequencyLimited => true,
            Self::Retry | Self::Throttled | Self::Account | Self::Configuration => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_classes_speak_of_the_number() {
        let about: Vec<&str> =
            ErrorClass::ALL.iter().filter(|c| c.is_about_the_number()).map(|c| c.as_str()).collect();
        assert_eq!(about, ["number_invalid", "frequency_limited"]);
        assert!(!Outcome::unknown("timeout").is_about_the_number());
    }
}
