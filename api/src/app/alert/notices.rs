//! The citizen's side: what they were told, and what they answer.

use mashang_domain::alert::AlertKind;
use mashang_domain::time::Timestamp;
use mashang_infra::store::answer::{self, Told};
use mashang_infra::store::work_list;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::texts::{self, LATELY};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::Citizen;
use crate::http::context::{self, Language};
use crate::state::App;

/// What a person was told.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NoticeView {
    pub id: Uuid,
    pub kind: AlertKind,
    pub level: i16,
    /// In the language of the request.
    pub text: String,
    pub hotline: String,
    /// A drill: nothing has happened.
    pub drill: bool,
    pub created_at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
    pub call_back: bool,
}

/// The notices of a person, newest first.
pub async fn list(app: &App, citizen: &Citizen, before: Option<Uuid>, limit: u64) -> Answer<Vec<NoticeView>> {
    let told = answer::of_person(app.db.conn(), citizen.person_id, before, limit).await?;
    told.iter().map(|t| shown(app, t)).collect()
}

/// Confirms a notice, and asks for a call when wanted. Twice is harmless.
pub async fn acknowledge(app: &App, citizen: &Citizen, id: Uuid, call_back: bool) -> Answer<NoticeView> {
    let tx = app.db.begin_write().await?;
    if !answer::acknowledge(&*tx, id, citizen.person_id, call_back, app.clock.now()).await? {
        return Err(Problem::new(Code::NotFound));
    }
    if call_back {
        work_list::call_back(&*tx, id, app.clock.now()).await?;
    } else {
        work_list::no_call_back(&*tx, id, app.clock.now()).await?;
    }
    tx.commit().await?;
    let told = answer::notice_of(app.db.conn(), id, citizen.person_id).await?;
    shown(app, &told.ok_or_else(|| Problem::new(Code::NotFound))?)
}

fn shown(app: &App, told: &Told) -> Answer<NoticeView> {
    let Told { notice, alert, delivery } = told;
    let day =
        delivery.as_ref().and_then(|d| d.variables.get("date")).and_then(|v| v.as_str()).unwrap_or(LATELY);
    let language = context::language();
    let text = match texts::template(&app.settings, alert, notice.level) {
        Some(template) => texts::text(&app.settings, template, day, language)?,
        None => String::new(),
    };
    let text = match (alert.drill, language) {
        (false, _) => text,
        (true, Language::Chinese) => format!("【演练】{text}"),
        (true, Language::English) => format!("[DRILL] {text}"),
    };
    Ok(NoticeView {
        id: notice.id,
        kind: alert.kind,
        level: notice.level,
        text,
        hotline: app.settings.operation.hotline.clone(),
        drill: alert.drill,
        created_at: notice.created_at,
        acknowledged_at: notice.acknowledged_at,
        call_back: notice.call_back,
    })
}
