//! Whether every text we may have to send has a gateway that can send it.

use mashang_config::gateway::{GatewayKind, GatewaySettings};
use mashang_config::{Rung, SUMMARY, Settings};
use mashang_domain::delivery::Channel;
use mashang_domain::health::ReminderKind;

/// The template keys that a gateway has no code for.
#[derive(Debug, Default)]
pub(super) struct Missing<'a> {
    /// Nobody else of its channel has one.
    pub(super) nowhere: Vec<&'a str>,
    /// Another gateway of its channel has one.
    pub(super) elsewhere: Vec<&'a str>,
}

pub(super) fn missing<'a>(settings: &'a Settings, table: &GatewaySettings, channel: Channel) -> Missing<'a> {
    let mut missing = Missing::default();
    for key in wanted(settings, channel) {
        if table.sends(key) {
            continue;
        }
        let another = |other: &GatewaySettings| {
            other.name != table.name && serves(other.kind, channel) && other.sends(key)
        };
        let side = match settings.gateways.iter().any(another) {
            true => &mut missing.elsewhere,
            false => &mut missing.nowhere,
        };
        side.push(key);
    }
    missing
}

/// The keys of the texts that this channel has to send: all that people get by SMS, those of the ladders' calls by voice, and none
/// for certain by e-mail.
fn wanted(settings: &Settings, channel: Channel) -> Vec<&str> {
    let calls = |level: &i16| {
        settings.alerts.ladder(*level).iter().any(|rung| match rung {
            Rung::Call | Rung::CallWithoutReceipt => true,
            Rung::Sms | Rung::Email | Rung::WorkList => false,
        })
    };
    let mut keys: Vec<&str> = settings
        .templates
        .iter()
        .filter(|template| match channel {
            Channel::Sms => template.key != SUMMARY && !reminds(&template.key),
            Channel::Voice => template.levels.iter().any(calls),
            Channel::Email | Channel::Subscribe => false,
        })
        .map(|template| template.key.as_str())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Reminders go out where a gateway has their template, and else not at all.
fn reminds(key: &str) -> bool {
    ReminderKind::ALL.iter().any(|kind| kind.template() == key)
}

fn serves(kind: GatewayKind, channel: Channel) -> bool {
    match kind {
        GatewayKind::AliyunSms
        | GatewayKind::TencentSms
        | GatewayKind::TwilioSms
        | GatewayKind::HuaweiSms
        | GatewayKind::WebhookSms => channel == Channel::Sms,
        GatewayKind::AliyunVoice
        | GatewayKind::TencentVoice
        | GatewayKind::TwilioVoice
        | GatewayKind::WebhookVoice => channel == Channel::Voice,
        GatewayKind::Email => channel == Channel::Email,
        GatewayKind::WechatSubscribe => channel == Channel::Subscribe,
        GatewayKind::Log => matches!(channel, Channel::Sms | Channel::Voice),
    }
}
