//! An alert as officials watch it: its state, its words, and how far it has come.

use std::collections::BTreeMap;

use mashang_domain::alert::{AlertKind, AlertState};
use mashang_domain::delivery::DeliveryState;
use mashang_domain::time::Timestamp;
use mashang_domain::trace::ByLevel;
use mashang_entity::alert;
use mashang_infra::store::{alert as alerts, answer, trace_result as traces};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{levels, texts};
use crate::app::trace::counts_of;
use crate::error::Answer;
use crate::state::App;

/// An alert without its progress.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    pub id: Uuid,
    pub kind: AlertKind,
    /// The alert that this one takes back.
    pub corrects: Option<Uuid>,
    pub trace_id: Uuid,
    pub trace_sha256: String,
    pub state: AlertState,
    pub levels: Vec<i16>,
    /// Template per level.
    #[schema(value_type = Object)]
    pub templates: serde_json::Value,
    pub urgent: bool,
    pub drill: bool,
    pub division_code: String,
    pub created_by: Uuid,
    pub created_at: Timestamp,
    pub submitted_by: Option<Uuid>,
    pub submitted_at: Option<Timestamp>,
    /// Set when the alert is so large that it needs two approvers.
    pub first_approver: Option<Uuid>,
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<Timestamp>,
    pub reason: Option<String>,
    /// After this it is not sent any more.
    pub expires_at: Option<Timestamp>,
    pub cancelled_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
}

/// An alert with its words and its progress.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct View {
    #[serde(flatten)]
    pub alert: Summary,
    /// Contacts per level of the trace.
    pub people: ByLevel,
    /// SMS segments per level.
    pub segments: BTreeMap<String, usize>,
    /// The text per level as it arrives, with the day of one of the people.
    pub preview: BTreeMap<String, String>,
    /// Deliveries by state.
    pub counts: BTreeMap<String, i64>,
    /// People who were not warned again, because they were warned lately.
    pub merged: i64,
    /// Sends that may have warned somebody twice.
    pub possible_duplicates: i64,
    /// People who confirmed their notice.
    pub acknowledged: i64,
    /// People who want to be called.
    pub call_back: i64,
    /// From the approval.
    pub seconds_to_last_accepted: Option<f64>,
    pub seconds_to_last_receipt: Option<f64>,
}

impl From<alert::Model> for Summary {
    fn from(a: alert::Model) -> Self {
        let levels = levels(&a);
        Self {
            id: a.id,
            kind: a.kind,
            corrects: a.corrects,
            trace_id: a.trace_id,
            trace_sha256: a.trace_sha256,
            state: a.state,
            levels,
            templates: a.templates,
            urgent: a.urgent,
            drill: a.drill,
            division_code: a.division_code,
            created_by: a.created_by,
            created_at: a.created_at,
            submitted_by: a.submitted_by,
            submitted_at: a.submitted_at,
            first_approver: a.first_approver,
            decided_by: a.decided_by,
            decided_at: a.decided_at,
            reason: a.reason,
            expires_at: a.expires_at,
            cancelled_at: a.cancelled_at,
            done_at: a.done_at,
        }
    }
}

/// Everything that is known of an alert now.
pub async fn view(app: &App, alert: alert::Model) -> Answer<View> {
    let conn = app.db.conn();
    let everywhere = mashang_domain::person::Division::everywhere();
    let trace = traces::by_id(conn, alert.trace_id, &everywhere).await?;
    let people = trace.map(|t| counts_of(&t).by_level).unwrap_or_default();
    let texts = texts::of_alert(app, &alert).await?;
    let progress = alerts::progress(conn, &alert).await?;
    let answers = answer::answers(conn, alert.id).await?;
    let counts = DeliveryState::ALL.iter().map(|state| (state.to_string(), progress.count(*state))).collect();
    Ok(View {
        alert: alert.into(),
        people,
        segments: texts.segments,
        preview: texts.preview,
        counts,
        merged: progress.merged,
        possible_duplicates: progress.possible_duplicates,
        acknowledged: answers.acknowledged,
        call_back: answers.call_back,
        seconds_to_last_accepted: progress.seconds_to_last_accepted,
        seconds_to_last_receipt: progress.seconds_to_last_receipt,
    })
}
