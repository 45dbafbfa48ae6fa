//! Alibaba Cloud: short messages (dysmsapi) and calls that read a text aloud (dyvmsapi), both of version 2017-05-25.
//!
//! Shapes follow help.aliyun.com (SendSms, SendBatchSms, SingleCallByTts) and the requests of the official SDK. None of
//! these calls is idempotent, and the provider says so.

mod client;
mod errors;
mod query;
pub mod sign;
mod sms;
mod voice;

pub use sms::AliyunSms;
pub use voice::AliyunVoice;

/// Mainland numbers travel without their country code, others as country code and number, without the plus.
fn wire_number(e164: &str) -> &str {
    e164.strip_prefix("+86").unwrap_or_else(|| e164.trim_start_matches('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_travel_without_plus_and_mainland_code() {
        for (given, wire) in [("+8613800138000", "13800138000"), ("+85251234567", "85251234567")] {
            assert_eq!(wire_number(given), wire);
        }
    }
}
