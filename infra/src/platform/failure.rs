//! What can come of a call to a platform instead of its answer.

/// Why a platform did not do what was asked. `Display` is for logs: it holds the platform's own code and names of settings,
/// never a text of the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// What the client brought is wrong, used, expired, of another mini-program, or not signed by the platform.
    #[error("the client's code is not good: {0}")]
    Code(String),
    /// Too many calls, for this person or for the mini-program.
    #[error("too many calls: {0}")]
    TooOften(String),
    /// The platform has blocked this person.
    #[error("the platform has blocked this person")]
    Blocked,
    /// The platform is busy, says so, and may be asked again.
    #[error("the platform is busy: {0}")]
    Busy(String),
    /// No connection, so nothing was asked.
    #[error("no connection to the platform")]
    NotSent,
    /// No answer, or one that cannot be read; the word says how.
    #[error("no answer of the platform: {0}")]
    Lost(&'static str),
    /// More calls are in work than this process allows.
    #[error("too many calls to the platform are in work")]
    Overloaded,
    /// The platform does not accept us: an operator has to look at the setting.
    #[error("the platform refuses us, look at {setting}: {code}")]
    Settings { setting: &'static str, code: String },
    /// A refusal that nobody here knows.
    #[error("the platform refuses: {0}")]
    Refused(String),
}
