//! What a message says: its template, and the variables that stand in its delivery.

use mashang_config::{Settings, Template};
use mashang_domain::alert::template::{TemplateError, fill, signed};
use mashang_domain::delivery::Channel;
use mashang_entity::delivery;

/// Why a delivery has no text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error("no template has the key {0}")]
    NoTemplate(String),
    #[error("{0}")]
    Template(#[from] TemplateError),
}

/// Names and values in the order of the template, and the text with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) text: String,
}

/// The text of a delivery. `code` is that of a login.
pub(crate) fn text_of(
    settings: &Settings,
    row: &delivery::Model,
    code: Option<&str>,
) -> Result<Text, TextError> {
    let template = template(settings, &row.template_key)?;
    let value = |name: &str| match (name, code) {
        ("code", Some(code)) => Some(code.to_owned()),
        _ => row.variables.get(name).and_then(|v| v.as_str()).map(str::to_owned),
    };
    filled(settings, template, row.channel, value)
}

/// A template with its values; the signature stands in front of what is read. A letter has both languages.
pub(crate) fn filled(
    settings: &Settings,
    template: &Template,
    channel: Channel,
    value: impl Fn(&str) -> Option<String>,
) -> Result<Text, TextError> {
    let variables: Vec<(String, String)> =
        template.variables.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect();
    let filled = fill(&template.zh, &variables)?;
    let text = match channel {
        Channel::Sms => signed(&settings.alerts.signature, &filled),
        Channel::Voice | Channel::Subscribe => filled,
        Channel::Email => {
            format!(
                "{}\n\n{}\n",
                signed(&settings.alerts.signature, &filled),
                fill(&template.en, &variables)?
            )
        }
    };
    Ok(Text { variables, text })
}

fn template<'a>(settings: &'a Settings, key: &str) -> Result<&'a Template, TextError> {
    settings.templates.iter().find(|t| t.key == key).ok_or_else(|| TextError::NoTemplate(key.to_owned()))
}
