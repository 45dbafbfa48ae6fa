//! Alerts: drafted by one, approved by another, sent by the notifier.

pub mod decide;
pub mod draft;
pub mod notices;
pub mod report;
pub mod report_pdf;
mod report_words;
pub mod texts;
pub mod view;

use mashang_domain::alert::state::AlertFacts;
use mashang_domain::alert::{AlertState, StepRefused};
use mashang_domain::protection::audit::Purpose;
use mashang_entity::alert;
use mashang_infra::store::approval;
use mashang_infra::store::audit::Act;
use serde_json::Value;
use uuid::Uuid;

use crate::app::case::Office;
use crate::error::{Answer, Code, Problem};
use crate::state::App;

impl From<StepRefused> for Problem {
    fn from(refused: StepRefused) -> Self {
        match refused {
            StepRefused::WrongState(_) => Problem::with_detail(Code::WrongState, refused.to_string()),
            StepRefused::OwnSubmission => Problem::new(Code::OwnSubmission),
            StepRefused::TraceChanged => Problem::new(Code::TraceChanged),
        }
    }
}

/// An alert of the own division, or 404.
pub async fn find(app: &App, office: &Office, id: Uuid) -> Answer<alert::Model> {
    let found = approval::by_id(app.db.conn(), id, &office.division).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Alerts of the own division, newest first; `before` is the id of the last of the page before.
pub async fn page(
    app: &App,
    office: &Office,
    state: Option<AlertState>,
    before: Option<Uuid>,
    limit: u64,
) -> Answer<Vec<alert::Model>> {
    Ok(approval::page(app.db.conn(), &office.division, state, before, limit).await?)
}

pub(crate) fn facts(alert: &alert::Model) -> AlertFacts<'_> {
    AlertFacts {
        state: alert.state,
        created_by: alert.created_by,
        submitted_by: alert.submitted_by,
        trace_sha256: &alert.trace_sha256,
    }
}

/// The levels an alert warns.
pub(crate) fn levels(alert: &alert::Model) -> Vec<i16> {
    serde_json::from_value(alert.levels.clone()).unwrap_or_default()
}

pub(crate) fn act<'a>(office: &'a Office, action: &'static str, alert: Uuid, detail: Value) -> Act<'a> {
    Act {
        actor: &office.actor,
        action,
        purpose: Purpose::Alert,
        subject: None,
        object_kind: "alert",
        object_id: alert.to_string(),
        detail,
    }
}
