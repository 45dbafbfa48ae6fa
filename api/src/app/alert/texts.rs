//! What an alert says: the template of each level, and the text as it arrives.

use std::collections::BTreeMap;

use mashang_config::{Settings, Template};
use mashang_domain::alert::AlertKind;
use mashang_domain::alert::template::{fill, segments, signed};
use mashang_domain::time::Timestamp;
use mashang_entity::alert;
use mashang_infra::store::trace_result::{self as traces, Wanted};
use uuid::Uuid;

use crate::error::{Answer, Problem};
use crate::http::context::Language;
use crate::state::App;

/// What stands for the day when it is not known.
pub const LATELY: &str = "近日";

/// The texts of an alert per level, under the keys "1", "2" and "3".
#[derive(Debug, Clone, Default)]
pub struct Texts {
    pub segments: BTreeMap<String, usize>,
    pub preview: BTreeMap<String, String>,
}

/// The template of a level: the one the alert names, else the first that serves it.
pub fn template<'a>(settings: &'a Settings, alert: &alert::Model, level: i16) -> Option<&'a Template> {
    let all = &settings.templates;
    let named = alert.templates.get(level.to_string()).and_then(|id| id.as_str());
    let named = named.and_then(|id| all.iter().find(|t| t.id == id));
    named.or_else(|| match alert.kind {
        AlertKind::Correction => all.iter().find(|t| t.key == "correction"),
        AlertKind::Warning => all.iter().find(|t| t.levels.contains(&level)),
    })
}

/// A text without its signature. A day or hotline that is not given is put in.
pub fn text(settings: &Settings, template: &Template, day: &str, language: Language) -> Answer<String> {
    let value = |name: &String| {
        let value = match name.as_str() {
            "date" => day,
            "hotline" => settings.operation.hotline.as_str(),
            _ => "",
        };
        (name.clone(), value.to_owned())
    };
    let values: Vec<_> = template.variables.iter().map(value).collect();
    let words = language.pick(&template.zh, &template.en);
    fill(words, &values).map_err(|e| Problem::field("template_id", "unusable", e.to_string()))
}

/// The day of an instant as it is read in China: `2月12日`.
pub fn day_text(at: Timestamp) -> String {
    use chrono::Datelike;
    let day = at.shanghai_day();
    format!("{}月{}日", day.month(), day.day())
}

/// The texts of an alert with the day of one of its people, signed, as they arrive.
pub async fn of_alert(app: &App, alert: &alert::Model) -> Answer<Texts> {
    let mut texts = Texts::default();
    for level in super::levels(alert) {
        let Some(template) = template(&app.settings, alert, level) else { continue };
        let day = example_day(app, alert.trace_id, level).await?;
        let body = text(&app.settings, template, &day, Language::Chinese)?;
        let arrives = signed(&app.settings.alerts.signature, &body);
        texts.segments.insert(level.to_string(), segments(&arrives));
        texts.preview.insert(level.to_string(), arrives);
    }
    Ok(texts)
}

/// The day of the first meeting of the first contact of a level.
async fn example_day(app: &App, trace: Uuid, level: i16) -> Answer<String> {
    let wanted = Wanted { level: Some(level), limit: 1, ..Wanted::default() };
    let first = traces::contacts(app.db.conn(), trace, &wanted).await?.into_iter().next();
    let contact = first.map(traces::contact).transpose()?;
    let at = contact.and_then(|c| c.meetings.iter().map(mashang_domain::trace::Meeting::at).min());
    Ok(at.map_or_else(|| LATELY.to_owned(), day_text))
}
