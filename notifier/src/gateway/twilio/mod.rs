//! Twilio: Messages and Calls of the API of 2010-04-01, one person a call, free text.
//!
//! The provider has no field for a reference of ours, so that it stands in the query of `StatusCallback`, which comes back
//! with every receipt and is covered by its signature. Neither call is idempotent. Shapes follow twilio.com/docs and the
//! requests of the official SDK.

mod client;
mod errors;
mod sms;
mod twiml;
mod voice;

pub use client::authorization;
pub use sms::TwilioSms;
pub use voice::TwilioVoice;

/// The name of our reference in the query of the callback.
pub(crate) const REFERENCE: &str = "ref";
