//! One test message through a gateway, to an address of the operator's own.

use std::sync::Arc;

use mashang_config::{Settings, Template};
use mashang_domain::delivery::{Channel, Outcome};
use mashang_domain::person::Address;
use mashang_domain::time::Timestamp;

use crate::gateway::{self, Batch, BuildError, Gateway, Recipient, TemplateKey, machine_time};
use crate::plan::new_reference;
use crate::text::{Text, filled};

/// What came of a gateway's test message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    Sent {
        template: String,
        outcome: Outcome,
    },
    /// The gateway serves a channel that this address is not on.
    OtherChannel(Channel),
    /// None of our texts has a code there.
    NoTemplate,
}

/// Sends one message through each gateway, or through the one that is named; answers in the order of the settings, under
/// the gateway's name. Nothing is asked of the database, and nothing is stored.
///
/// # Errors
/// When a gateway cannot be made.
pub async fn send(
    settings: &Settings,
    to: &Address,
    only: Option<&str>,
) -> Result<Vec<(String, Trial)>, BuildError> {
    let mut trials = Vec::new();
    for gateway in gateway::build(&settings.gateways, &super::site(settings))? {
        if only.is_none_or(|name| name == gateway.name()) {
            trials.push((gateway.name().to_owned(), try_out(settings, &gateway, to).await));
        }
    }
    Ok(trials)
}

async fn try_out(settings: &Settings, gateway: &Arc<dyn Gateway>, to: &Address) -> Trial {
    let fits = match (gateway.channel(), to) {
        (Channel::Sms | Channel::Voice, Address::Phone(_))
        | (Channel::Email, Address::Email(_))
        | (Channel::Subscribe, Address::Account(_)) => true,
        (Channel::Sms | Channel::Voice, Address::Email(_) | Address::Account(_))
        | (Channel::Email, Address::Phone(_) | Address::Account(_))
        | (Channel::Subscribe, Address::Phone(_) | Address::Email(_)) => false,
    };
    if !fits {
        return Trial::OtherChannel(gateway.channel());
    }
    let Some((template, Text { variables, text })) = sample(settings, gateway.as_ref()) else {
        return Trial::NoTemplate;
    };
    let recipient = Recipient { to: to.clone(), reference: new_reference(), variables, text };
    let batch = Batch { template: TemplateKey::new(&template.key), recipients: vec![recipient] };
    let outcome = gateway.send(&batch).await.pop().unwrap_or_else(|| Outcome::unknown("no_outcome"));
    Trial::Sent { template: template.key.clone(), outcome }
}

/// The text that alarms least of those the gateway can send: a login code, a correction, the mildest warning.
fn sample<'a>(settings: &'a Settings, gateway: &dyn Gateway) -> Option<(&'a Template, Text)> {
    let table = settings.gateways.iter().find(|table| table.name == gateway.name());
    let can = |template: &&Template| {
        table.is_none_or(|table| {
            !table.kind.wants_template_codes() || table.templates.contains_key(&template.key)
        })
    };
    let alarm = |template: &&Template| match template.key.as_str() {
        "login" => 0,
        "correction" => 1,
        _ => 2 + template.levels.iter().copied().max().unwrap_or_default(),
    };
    let template = settings.templates.iter().filter(can).min_by_key(alarm)?;
    let now = machine_time()();
    let value = |name: &str| Some(value(settings, name, now));
    filled(settings, template, gateway.channel(), value).ok().map(|text| (template, text))
}

/// A value that nobody takes for a real one.
fn value(settings: &Settings, name: &str, now: Timestamp) -> String {
    match name {
        "code" => "000000".to_owned(),
        "hotline" => settings.operation.hotline.clone(),
        "date" => now.to_chrono().format("%-m月%-d日").to_string(),
        _ => "测试".to_owned(),
    }
}
