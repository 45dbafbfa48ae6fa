//! Tencent Cloud: short messages (sms, version 2021-01-11) and calls that read a text aloud (vms, version 2020-09-02).
//!
//! Shapes follow cloud.tencent.com/document/api/382/55981 (SendSms) and /api/1128/51558 (SendTtsVoice) and the requests of
//! the official SDK. Neither call is idempotent. A template's variables are a list in the order of the template.

mod client;
mod errors;
mod query;
pub mod sign;
mod sms;
mod voice;

pub use sms::TencentSms;
pub use voice::TencentVoice;

use super::Recipient;

/// The values of a template in its order; the names stay with us.
fn values(recipient: &Recipient) -> Vec<&str> {
    recipient.variables.iter().map(|(_, value)| value.as_str()).collect()
}
