//! What a provider allows one number, unless the settings say otherwise.

use mashang_config::gateway::{GatewayKind, GatewaySettings};
use mashang_domain::delivery::NumberCaps;

/// The caps of a gateway: those of the settings (0 = no bound), and where they say nothing those of its provider.
pub(crate) fn of(settings: &GatewaySettings) -> NumberCaps {
    let usual = usual(settings.kind);
    let of = |set: Option<u32>, usual: Option<u32>| match set {
        Some(0) => None,
        Some(cap) => Some(cap),
        None => usual,
    };
    NumberCaps {
        minute: of(settings.per_number_minute, usual.minute),
        hour: of(settings.per_number_hour, usual.hour),
        day: of(settings.per_number_day, usual.day),
    }
}

/// What the provider refuses above, over all templates: Alibaba Cloud 40 SMS a day to one number from all senders, and calls
/// one a minute, 5 an hour, 20 a day; Tencent Cloud 10 SMS a day; Huawei Cloud 15 a minute, 50 a day. Stricter rules for
/// login codes are those of `limits.code_per_phone_*`.
const fn usual(kind: GatewayKind) -> NumberCaps {
    match kind {
        GatewayKind::AliyunSms => NumberCaps { minute: None, hour: None, day: Some(40) },
        GatewayKind::TencentSms => NumberCaps { minute: None, hour: None, day: Some(10) },
        GatewayKind::HuaweiSms => NumberCaps { minute: Some(15), hour: None, day: Some(50) },
        GatewayKind::AliyunVoice | GatewayKind::TencentVoice => {
            NumberCaps { minute: Some(1), hour: Some(5), day: Some(20) }
        }
        GatewayKind::TwilioSms
        | GatewayKind::TwilioVoice
        | GatewayKind::WebhookSms
        | GatewayKind::WebhookVoice
        | GatewayKind::WechatSubscribe
        | GatewayKind::Email
        | GatewayKind::Log => NumberCaps { minute: None, hour: None, day: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_are_the_providers_unless_the_settings_say_otherwise() {
        let caps = |more: serde_json::Value| {
            let mut table = serde_json::json!({ "name": "a", "kind": "aliyun_voice" });
            for (key, value) in more.as_object().expect("an object") {
                table[key] = value.clone();
            }
            of(&serde_json::from_value(table).expect("a table"))
        };
        let own = serde_json::json!({ "per_number_minute": 0, "per_number_day": 3 });
        assert_eq!(caps(serde_json::json!({})), NumberCaps { minute: Some(1), hour: Some(5), day: Some(20) });
        assert_eq!(caps(own), NumberCaps { minute: None, hour: Some(5), day: Some(3) });
    }
}
