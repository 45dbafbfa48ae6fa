//! Reply codes of SMTP (RFC 5321) and their enhanced forms (RFC 3463), by what the dispatcher does about them.
//!
//! 4xx is for later, 5xx is for good; of what it is for good depends on the step and on the enhanced code, where the server
//! gives one. The texts of a server are not read.

use std::error::Error as _;
use std::fmt;

use lettre::transport::smtp::Error;
use mashang_domain::delivery::ErrorClass;

/// Where in the exchange a server spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Greeting, EHLO, STARTTLS.
    Greeting,
    Authentication,
    Sender,
    Recipient,
    /// DATA and the message.
    Content,
}

/// A refusal. Prints as its codes: `550 5.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    /// Subject and detail of the enhanced code.
    enhanced: Option<(u16, u16)>,
}

impl Refusal {
    /// `None`: the error is no reply of the server's.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let code = error.status()?.into();
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        Some(Self { code, enhanced: enhanced(&text, code) })
    }

    pub(super) fn class(self, step: Step) -> ErrorClass {
        match (self.code, self.enhanced) {
            // Too many connections or messages, says RFC 5321 of one that closes.
            (421, _) => ErrorClass::Throttled,
            // A full mailbox empties.
            (400.., Some((2, 2))) => ErrorClass::FrequencyLimited,
            (452, _) if step == Step::Recipient => ErrorClass::Throttled,
            (400..=499, _) => ErrorClass::Retry,
            _ => self.for_good(step),
        }
    }

    fn for_good(self, step: Step) -> ErrorClass {
        match (step, self.enhanced, self.code) {
            // The quota of the sender is used up.
            (_, Some((4, 5)), _) => ErrorClass::Account,
            (
                Step::Recipient | Step::Content,
                Some((1, 0..=3 | 6 | 10)) | Some((2, 0 | 1)) | Some((4, 1 | 4)),
                _,
            ) => ErrorClass::NumberInvalid,
            (Step::Recipient, None, 552) => ErrorClass::FrequencyLimited,
            (Step::Recipient, None, 550 | 551 | 553) => ErrorClass::NumberInvalid,
            // Login, sender, relaying, content, policy: somebody has to look.
            _ => ErrorClass::Configuration,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match self.enhanced {
            Some((subject, detail)) => write!(f, " {}.{subject}.{detail}", self.code / 100),
            None => Ok(()),
        }
    }
}

/// `5.1.1 No such user` of a 5xx reply.
fn enhanced(text: &str, code: u16) -> Option<(u16, u16)> {
    let mut parts = text.split_whitespace().next()?.splitn(3, '.').map(|part| part.parse::<u16>().ok());
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    (class == code / 100 && subject < 1_000 && detail < 1_000).then_some((subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_fall_into_their_classes() {
        use ErrorClass::*;
        use Step::*;
        for (step, code, text, expected) in [
            (Greeting, 421, "4.7.0 Too many connections", Throttled),
            (Greeting, 554, "No SMTP service here", Configuration),
            (Authentication, 535, "5.7.8 Error", Configuration),
            (Authentication, 454, "4.7.0 Temporary failure", Retry),
            (Sender, 530, "5.7.0 Authentication required", Configuration),
            (Sender, 550, "5.4.5 Daily quota", Account),
            (Sender, 452, "4.3.1 Insufficient storage", Retry),
            (Recipient, 550, "5.1.1 No such user", NumberInvalid),
            (Recipient, 550, "No such user", NumberInvalid),
            (Recipient, 553, "bad", NumberInvalid),
            (Recipient, 550, "5.2.1 Disabled", NumberInvalid),
            (Recipient, 550, "5.4.1 Recipient address rejected", NumberInvalid),
            (Recipient, 550, "5.7.1 Relaying denied", Configuration),
            (Recipient, 554, "Policy", Configuration),
            (Recipient, 552, "5.2.2 Mailbox full", FrequencyLimited),
            (Recipient, 552, "full", FrequencyLimited),
            (Recipient, 452, "4.2.2 Mailbox full", FrequencyLimited),
            (Recipient, 452, "4.5.3 Too many recipients", Throttled),
            (Recipient, 450, "4.2.0 Greylisted", Retry),
            (Recipient, 451, "x", Retry),
            (Content, 554, "5.7.1 Spam", Configuration),
            (Content, 552, "5.3.4 Too big", Configuration),
            (Content, 451, "4.3.0 later", Retry),
            (Content, 550, "5.1.1 unknown", NumberInvalid),
        ] {
            let refusal = Refusal { code, enhanced: enhanced(text, code) };
            assert_eq!(refusal.class(step), expected, "{step:?} {code} {text}");
        }
    }

    #[test]
    fn only_the_codes_are_kept() {
        for (code, text, kept) in [
            (550, "5.1.1 zhang@example.cn unknown", "550 5.1.1"),
            (550, "zhang@example.cn unknown", "550"),
            (550, "4.1.1 odd", "550"),
            (550, "5.1 odd", "550"),
            (550, "", "550"),
        ] {
            assert_eq!(Refusal { code, enhanced: enhanced(text, code) }.to_string(), kept, "{text}");
        }
    }
}
