//! Huawei Cloud Message & SMS: one text for many (batchSendSms) and texts of their own (batchSendDiffSms).
//!
//! Shapes follow support.huaweicloud.com/intl/en-us/api-msgsms and the requests of the official SDK. Neither call is
//! idempotent. A template's variables are a list in the order of the template.

mod client;
mod errors;
pub mod sign;
mod sms;

pub use sms::HuaweiSms;
