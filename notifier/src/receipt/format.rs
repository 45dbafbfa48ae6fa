//! Who writes receipts: which parser reads them, whether they are signed, and what the provider wants to hear.

use mashang_config::gateway::GatewayKind;

use super::{NotAReceipt, Report, aliyun, huawei, tencent, twilio, webhook};

/// Who writes the receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptFormat {
    /// SmsReport, help.aliyun.com/document_detail/101867.htm
    AliyunSms,
    /// VoiceReport, help.aliyun.com/zh/vms/voicereport-6
    AliyunVoice,
    /// SMS status callback, cloud.tencent.com/document/api/382/59178
    TencentSms,
    /// Voice status callback, cloud.tencent.com/document/product/1128/51534
    TencentVoice,
    /// StatusCallback of messages and of calls, twilio.com/docs/usage/webhooks
    Twilio,
    /// Status report, support.huaweicloud.com/eu/api-msgsms/sms_05_0051.html
    HuaweiSms,
    /// `{"id", "to"?, "status": "delivered"|.., "ref"?, "code"?, "at"?}` or a list of them, signed by Standard Webhooks.
    Webhook,
}

/// What the provider wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// JSON, or nothing.
    pub body: &'static str,
}

impl ReceiptFormat {
    /// `None` for kinds that send no receipts.
    pub const fn of(kind: GatewayKind) -> Option<Self> {
        match kind {
            GatewayKind::AliyunSms => Some(Self::AliyunSms),
            GatewayKind::AliyunVoice => Some(Self::AliyunVoice),
            GatewayKind::WebhookSms | GatewayKind::WebhookVoice => Some(Self::Webhook),
            GatewayKind::TencentSms => Some(Self::TencentSms),
            GatewayKind::TencentVoice => Some(Self::TencentVoice),
            GatewayKind::TwilioSms | GatewayKind::TwilioVoice => Some(Self::Twilio),
            GatewayKind::HuaweiSms => Some(Self::HuaweiSms),
            GatewayKind::WechatSubscribe | GatewayKind::Email | GatewayKind::Log => None,
        }
    }

    /// Whether the push carries a signature that must be verified. The others must come with the path secret.
    pub const fn signed(self) -> bool {
        matches!(self, Self::Webhook | Self::Twilio)
    }

    /// Reads a push to `gateway`: the query of the address that was called, and the body.
    pub fn parse(self, gateway: &str, query: &str, body: &[u8]) -> Result<Report, NotAReceipt> {
        match self {
            Self::AliyunSms => aliyun::sms_report(gateway, body),
            Self::AliyunVoice => aliyun::voice_report(gateway, body),
            Self::TencentSms => tencent::sms_report(gateway, body),
            Self::TencentVoice => tencent::voice_report(gateway, body),
            Self::Twilio => twilio::report(gateway, query, body),
            Self::HuaweiSms => huawei::sms_report(gateway, body),
            Self::Webhook => webhook::report(gateway, body),
        }
    }

    /// The answer to a push that was read. Anything else makes the provider push again.
    pub const fn reply(self) -> Reply {
        match self {
            Self::AliyunSms | Self::AliyunVoice => {
                Reply { status: 200, body: r#"{"code":0,"msg":"接收成功"}"# }
            }
            Self::TencentSms | Self::TencentVoice => {
                Reply { status: 200, body: r#"{"result":0,"errmsg":"OK"}"# }
            }
            Self::Webhook | Self::HuaweiSms => Reply { status: 200, body: r#"{"status":"ok"}"# },
            // Whatever stood in a body would be read as TwiML.
            Self::Twilio => Reply { status: 204, body: "" },
        }
    }

    /// The answer to the GET with which Aliyun tries the URL out; it wants it within 700 ms. `None`: there is no probe.
    pub const fn probe_reply(self) -> Option<Reply> {
        match self {
            Self::AliyunSms | Self::AliyunVoice => Some(self.reply()),
            Self::TencentSms | Self::TencentVoice | Self::Twilio | Self::HuaweiSms | Self::Webhook => None,
        }
    }
}
