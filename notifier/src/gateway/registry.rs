//! From the settings to the gateways.

use std::collections::BTreeSet;
use std::sync::Arc;

use mashang_config::gateway::{GatewayKind, GatewaySettings};
use mashang_domain::delivery::Channel;

use super::aliyun::{AliyunSms, AliyunVoice};
use super::email::Email;
use super::huawei::HuaweiSms;
use super::tencent::{TencentSms, TencentVoice};
use super::twilio::{TwilioSms, TwilioVoice};
use super::webhook::Webhook;
use super::wechat::WechatSubscribe;
use super::{Gateway, LogGateway, Site};

/// Why the gateways cannot be made. The notifier does not start with half of them.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("gateway `{gateway}`: `{key}` is missing")]
    Missing { gateway: String, key: &'static str },
    #[error(
        "gateway `{gateway}`: `endpoint` does not fit the kind (a URL without query; without path for the cloud providers; smtps or smtp for email; a file for log)"
    )]
    Endpoint { gateway: String },
    #[error("gateway `{gateway}`: `access_key_secret` of a webhook is `whsec_` and base64")]
    WebhookSecret { gateway: String },
    #[error("gateway `{gateway}`: `sender` is no mailbox (name@host, or Name <name@host>)")]
    Sender { gateway: String },
    #[error("gateway `{gateway}`: `ca_file` cannot be read, or holds no certificate in PEM")]
    CaFile { gateway: String },
    #[error("gateway `{gateway}`: a template of a call is an address that answers TwiML, or absent")]
    TemplateAddress { gateway: String },
    #[error("gateway `{gateway}`: the HTTP client cannot be made")]
    Http { gateway: String, source: reqwest::Error },
    #[error("gateway `{gateway}`: the name is used twice")]
    NameTwice { gateway: String },
}

/// Makes every gateway of the settings, in their order. A `log` table makes two that share their messages: one for SMS
/// under its name, and one for calls as `<name>-voice`. No table at all is that of development: `log` and `log-voice`.
pub fn build(settings: &[GatewaySettings], site: &Site) -> Result<Vec<Arc<dyn Gateway>>, BuildError> {
    let mut gateways = Vec::new();
    if settings.is_empty() {
        add_log(LogGateway::in_memory("log".to_owned(), Channel::Sms, site.now.clone()), &mut gateways);
    }
    for table in settings {
        add(table, site, &mut gateways)?;
    }
    let mut names = BTreeSet::new();
    match gateways.iter().find(|gateway| !names.insert(gateway.name())) {
        Some(gateway) => Err(BuildError::NameTwice { gateway: gateway.name().to_owned() }),
        None => Ok(gateways),
    }
}

fn add(table: &GatewaySettings, site: &Site, to: &mut Vec<Arc<dyn Gateway>>) -> Result<(), BuildError> {
    let now = site.now.clone();
    match table.kind {
        GatewayKind::AliyunSms => to.push(Arc::new(AliyunSms::new(table, now)?)),
        GatewayKind::AliyunVoice => to.push(Arc::new(AliyunVoice::new(table, now)?)),
        GatewayKind::WebhookSms => to.push(Arc::new(Webhook::new(table, Channel::Sms, now)?)),
        GatewayKind::WebhookVoice => to.push(Arc::new(Webhook::new(table, Channel::Voice, now)?)),
        GatewayKind::Log => add_log(LogGateway::new(table, Channel::Sms, now)?, to),
        GatewayKind::TencentSms => to.push(Arc::new(TencentSms::new(table, now)?)),
        GatewayKind::TencentVoice => to.push(Arc::new(TencentVoice::new(table, now)?)),
        GatewayKind::TwilioSms => to.push(Arc::new(TwilioSms::new(table, site)?)),
        GatewayKind::TwilioVoice => to.push(Arc::new(TwilioVoice::new(table, site)?)),
        GatewayKind::HuaweiSms => to.push(Arc::new(HuaweiSms::new(table, site)?)),
        GatewayKind::WechatSubscribe => to.push(Arc::new(WechatSubscribe::new(table, site)?)),
        GatewayKind::Email => to.push(Arc::new(Email::new(table, site)?)),
    }
    Ok(())
}

fn add_log(sms: LogGateway, to: &mut Vec<Arc<dyn Gateway>>) {
    let voice = sms.also(Channel::Voice, format!("{}-voice", sms.name()));
    to.push(Arc::new(sms));
    to.push(Arc::new(voice));
}
