//! Drafting: which trace, which levels, which words. Nothing is sent by a draft.

use mashang_config::Settings;
use mashang_domain::alert::{AlertKind, AlertState};
use mashang_entity::{alert, trace as trace_row};
use mashang_infra::db::WriteTx;
use mashang_infra::store::{approval, audit};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{act, find, texts};
use crate::app::case::Office;
use crate::app::trace as traces;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

/// What an official asks for.
pub struct Wish {
    pub trace_id: Uuid,
    pub template_id: Option<String>,
    pub levels: Option<Vec<i16>>,
    pub urgent: bool,
    pub drill: bool,
}

/// Drafts the warning to the people of a trace.
pub async fn draft(app: &App, office: &Office, wish: Wish) -> Answer<alert::Model> {
    let trace = traces::find_frozen(app, office, wish.trace_id).await?;
    let (levels, templates) = words(&app.settings, &wish)?;
    let row = blank(app, office, &trace, AlertKind::Warning)?;
    let row = alert::Model {
        levels: json!(levels),
        templates: Value::Object(templates),
        urgent: wish.urgent,
        drill: wish.drill,
        ..row
    };
    // A text that cannot be filled is refused now, not when it is to be sent.
    texts::of_alert(app, &row).await?;
    write(app.db.begin_write().await?, office, row, "alert.draft").await
}

/// The levels, each with its template: the one that is named where it serves the level, else the first that does.
fn words(settings: &Settings, wish: &Wish) -> Answer<(Vec<i16>, Map<String, Value>)> {
    let named = match &wish.template_id {
        None => None,
        Some(id) => {
            let found = settings.templates.iter().find(|t| t.id == *id && !t.levels.is_empty());
            let missing = || Problem::field("template_id", "unknown", "no template for warnings has this id");
            Some(found.ok_or_else(missing)?)
        }
    };
    let mut levels = match (&wish.levels, named) {
        (Some(levels), _) => levels.clone(),
        (None, Some(template)) => template.levels.clone(),
        (None, None) => vec![3, 2, 1],
    };
    levels.sort_unstable_by(|a, b| b.cmp(a));
    levels.dedup();
    if levels.is_empty() || levels.iter().any(|level| !(1..=3).contains(level)) {
        return Err(Problem::field("levels", "out_of_range", "1, 2 or 3"));
    }
    let mut templates = Map::new();
    for level in &levels {
        let serves = |t: &&mashang_config::Template| t.levels.contains(level);
        let found = named.filter(serves).or_else(|| settings.templates.iter().find(serves));
        let missing = || Problem::field("levels", "no_template", format!("no template serves level {level}"));
        templates.insert(level.to_string(), json!(found.ok_or_else(missing)?.id));
    }
    Ok((levels, templates))
}

/// Drafts the correction of an alert that went out, or began to. It goes to exactly those whom the wrong one reached.
pub async fn correct(app: &App, office: &Office, id: Uuid) -> Answer<alert::Model> {
    let trace_id = find(app, office, id).await?.trace_id;
    let trace = traces::find_frozen(app, office, trace_id).await?;
    // Held, so that of two corrections at once the second one sees the first.
    let tx = app.db.begin_write().await?;
    let held = approval::hold(&*tx, id, &office.division).await?;
    let wrong = held.ok_or_else(|| Problem::new(Code::NotFound))?;
    let sent = match (wrong.kind, wrong.state) {
        (AlertKind::Correction, _) => false,
        (AlertKind::Warning, AlertState::Approved | AlertState::Sending | AlertState::Done) => true,
        (AlertKind::Warning, AlertState::Cancelled) => wrong.decided_at.is_some(),
        (AlertKind::Warning, AlertState::Draft | AlertState::Submitted | AlertState::Rejected) => false,
    };
    if !sent {
        return Err(Problem::with_detail(Code::WrongState, format!("the alert is {}", wrong.state)));
    }
    if let Some(other) = approval::correction_of(&*tx, id).await? {
        return Err(Problem::new(Code::Conflict).with("alert_id", other.id.to_string()));
    }
    let template = app.settings.templates.iter().find(|t| t.key == "correction");
    let template = template.ok_or_else(|| Problem::internal("no template has the key `correction`"))?;
    let templates = ["1", "2", "3"].into_iter().map(|level| (level.to_owned(), json!(template.id))).collect();
    let row = blank(app, office, &trace, AlertKind::Correction)?;
    let row = alert::Model {
        corrects: Some(wrong.id),
        levels: wrong.levels,
        templates: Value::Object(templates),
        urgent: wrong.urgent,
        drill: wrong.drill,
        ..row
    };
    write(tx, office, row, "alert.correct").await
}

fn blank(app: &App, office: &Office, trace: &trace_row::Model, kind: AlertKind) -> Answer<alert::Model> {
    let trace_sha256 =
        trace.sha256.clone().ok_or_else(|| Problem::internal("a frozen trace without a hash"))?;
    Ok(alert::Model {
        id: Uuid::now_v7(),
        kind,
        corrects: None,
        trace_id: trace.id,
        trace_sha256,
        templates: json!({}),
        levels: json!([]),
        urgent: false,
        drill: false,
        state: AlertState::Draft,
        division_code: trace.division_code.clone(),
        created_by: office.id,
        created_at: app.clock.now(),
        submitted_by: None,
        submitted_at: None,
        first_approver: None,
        decided_by: None,
        decided_at: None,
        reason: None,
        expires_at: None,
        fanned_out_at: None,
        cancelled_at: None,
        done_at: None,
    })
}

async fn write(
    tx: WriteTx,
    office: &Office,
    row: alert::Model,
    action: &'static str,
) -> Answer<alert::Model> {
    approval::insert(&*tx, row.clone()).await?;
    let detail = json!({
        "trace": row.trace_id, "sha256": row.trace_sha256, "levels": row.levels, "corrects": row.corrects,
        "urgent": row.urgent, "drill": row.drill,
    });
    audit::append(&*tx, act(office, action, row.id, detail), row.created_at).await?;
    tx.commit().await?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        mashang_config::load_with(None, Vec::new()).expect("the defaults are valid")
    }

    fn chosen(template_id: Option<&str>, levels: Option<&[i16]>) -> Result<Vec<(i16, String)>, String> {
        let wish = Wish {
            trace_id: Uuid::nil(),
            template_id: template_id.map(str::to_owned),
            levels: levels.map(<[i16]>::to_vec),
            urgent: false,
            drill: false,
        };
        let (levels, templates) = words(&settings(), &wish).map_err(|p| p.errors[0].field.clone())?;
        let id = |level: i16| templates[&level.to_string()].as_str().unwrap_or("").to_owned();
        Ok(levels.into_iter().map(|level| (level, id(level))).collect())
    }

    #[test]
    fn levels_and_templates() {
        let told = |pairs: &[(i16, &str)]| Ok(pairs.iter().map(|(l, t)| (*l, (*t).to_owned())).collect());
        let all = [(3, "exposure_3"), (2, "exposure_2"), (1, "exposure_1")];
        assert_eq!(chosen(None, None), told(&all));
        assert_eq!(chosen(None, Some(&[1, 3, 3])), told(&[all[0], all[2]]));
        assert_eq!(chosen(Some("exposure_2"), None), told(&[all[1]]));
        assert_eq!(chosen(Some("exposure_2"), Some(&[2, 3])), told(&[all[0], all[1]]));
    }

    #[test]
    fn what_is_refused_names_its_field() {
        assert_eq!(chosen(None, Some(&[])), Err("levels".to_owned()));
        assert_eq!(chosen(None, Some(&[0])), Err("levels".to_owned()));
        assert_eq!(chosen(None, Some(&[4])), Err("levels".to_owned()));
        assert_eq!(chosen(Some("nothing"), None), Err("template_id".to_owned()));
        assert_eq!(chosen(Some("login"), None), Err("template_id".to_owned()), "no warning has this text");
    }
}
