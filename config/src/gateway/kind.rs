//! What speaks at the other end of a gateway.

use std::fmt;

use serde::Deserialize;

/// The kinds of gateways, by the word of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    AliyunSms,
    AliyunVoice,
    TencentSms,
    TencentVoice,
    TwilioSms,
    TwilioVoice,
    HuaweiSms,
    WebhookSms,
    WebhookVoice,
    WechatSubscribe,
    Email,
    Log,
}

impl GatewayKind {
    /// The word of the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AliyunSms => "aliyun_sms",
            Self::AliyunVoice => "aliyun_voice",
            Self::TencentSms => "tencent_sms",
            Self::TencentVoice => "tencent_voice",
            Self::TwilioSms => "twilio_sms",
            Self::TwilioVoice => "twilio_voice",
            Self::HuaweiSms => "huawei_sms",
            Self::WebhookSms => "webhook_sms",
            Self::WebhookVoice => "webhook_voice",
            Self::WechatSubscribe => "wechat_subscribe",
            Self::Email => "email",
            Self::Log => "log",
        }
    }

    /// Whether the provider sends texts that it has approved before, under codes of its own. The others take free text.
    pub const fn wants_template_codes(self) -> bool {
        match self {
            Self::AliyunSms
            | Self::AliyunVoice
            | Self::TencentSms
            | Self::TencentVoice
            | Self::HuaweiSms
            | Self::WechatSubscribe => true,
            Self::TwilioSms
            | Self::TwilioVoice
            | Self::WebhookSms
            | Self::WebhookVoice
            | Self::Email
            | Self::Log => false,
        }
    }

    /// Whether we tell the provider where its receipts go, by `notifier.public_url`; the others have it in their console.
    pub const fn is_told_where_to_report(self) -> bool {
        match self {
            Self::TwilioSms | Self::TwilioVoice | Self::HuaweiSms => true,
            Self::AliyunSms
            | Self::AliyunVoice
            | Self::TencentSms
            | Self::TencentVoice
            | Self::WebhookSms
            | Self::WebhookVoice
            | Self::WechatSubscribe
            | Self::Email
            | Self::Log => false,
        }
    }
}

impl fmt::Display for GatewayKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
