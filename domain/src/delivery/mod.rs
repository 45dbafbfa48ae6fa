//! Deliveries: how a warning reaches a person, and what became of each try.

pub mod outcome;

pub use outcome::{ErrorClass, Outcome};

crate::macros::words! {
    /// The road a message takes. A gateway serves exactly one.
    Channel {
        /// A text message.
        Sms = "sms",
        /// A telephone call that reads the text aloud.
        Voice = "voice",
        /// An e-mail: to officials, and as a fall-back.
        Email = "email",
    }
}
