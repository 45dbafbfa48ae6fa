//! Alerts: draft, decision, progress.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use mashang_domain::alert::AlertState;
use mashang_domain::delivery::{Channel, DeliveryState};
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::case::office;
use crate::app::alert::draft::{self, Wish};
use crate::app::alert::view::{Summary, View, view};
use crate::app::alert::{self, decide, report};
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::body::{Body, Read, Sent};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_templates).service(draft_alert).service(list_alerts).service(show_alert);
    config.service(submit_alert).service(approve_alert).service(reject_alert).service(cancel_alert);
    config.service(correct_alert).service(list_deliveries);
}

#[derive(Serialize, ToSchema)]
struct TemplateText {
    zh: String,
    en: String,
}

#[derive(Serialize, ToSchema)]
struct TemplateItem {
    id: String,
    name: String,
    /// Levels it serves; none for the texts of log-in and correction.
    levels: Vec<i16>,
    text: TemplateText,
    variables: Vec<String>,
}

/// The pre-approved texts
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), responses(
    (status = 200, body = Page<TemplateItem>), (status = 403, body = ProblemBody)))]
#[get("/alert-templates")]
async fn list_templates(app: web::Data<App>, _: Staff<may::ReadAlerts>) -> web::Json<Page<TemplateItem>> {
    let items = app.settings.templates.iter().map(|t| TemplateItem {
        id: t.id.clone(),
        name: t.key.clone(),
        levels: t.levels.clone(),
        text: TemplateText { zh: t.zh.clone(), en: t.en.clone() },
        variables: t.variables.clone(),
    });
    web::Json(Page { items: items.collect(), next: None })
}

/// The language of a message. Warnings go out in Chinese; people read them in English in their notices.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MessageLanguage {
    Zh,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAlert {
    /// A frozen trace of the own division.
    trace_id: Uuid,
    /// For the levels it serves; the others get the first template that serves them.
    template_id: Option<String>,
    /// Who is warned; all levels when absent, or those of the template.
    levels: Option<Vec<i16>>,
    /// Calls ring at night too.
    #[serde(default)]
    urgent: bool,
    /// Nothing reaches anybody; marked as a drill everywhere.
    #[serde(default)]
    drill: bool,
    /// The language of the messages.
    #[serde(default)]
    #[expect(dead_code, reason = "there is one language")]
    language: Option<MessageLanguage>,
}

/// Draft an alert
///
/// Nothing is sent before another person approves it.
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), request_body = NewAlert, responses(
    (status = 201, body = View), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/alerts")]
async fn draft_alert(
    app: web::Data<App>,
    request: HttpRequest,
    me: Staff<may::DraftAlerts>,
    body: Body<NewAlert>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let Read { value: NewAlert { trace_id, template_id, levels, urgent, drill, .. }, sent } = body;
    let (office, wish) = (office(&me), Wish { trace_id, template_id, levels, urgent, drill });
    idempotency::once(app, &request, &me.id.to_string(), &sent, move |app| async move {
        let row = draft::draft(&app, &office, wish).await?;
        Ok((StatusCode::CREATED, view(&app, row).await?))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct AlertQuery {
    #[param(inline)]
    state: Option<AlertState>,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Alerts, newest first
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), params(AlertQuery), responses(
    (status = 200, body = Page<Summary>), (status = 403, body = ProblemBody)))]
#[get("/alerts")]
async fn list_alerts(
    app: web::Data<App>,
    me: Staff<may::ReadAlerts>,
    query: web::Query<AlertQuery>,
) -> Answer<web::Json<Page<Summary>>> {
    let AlertQuery { state, limit, after } = query.into_inner();
    let page = PageQuery { limit, after };
    let (limit, before) = (page.limit()?, page.after_id()?);
    let rows = alert::page(&app, &office(&me), state, before, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(Summary::from).collect(), limit, |a| cursor(a.id))))
}

/// An alert and how far it has come
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), responses(
    (status = 200, body = View), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/alerts/{id}")]
async fn show_alert(
    app: web::Data<App>,
    me: Staff<may::ReadAlerts>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<View>> {
    let row = alert::find(&app, &office(&me), *id).await?;
    Ok(web::Json(view(&app, row).await?))
}

/// Submit an alert for approval
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), responses(
    (status = 200, body = View), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/alerts/{id}/submission")]
async fn submit_alert(
    app: web::Data<App>,
    me: Staff<may::DraftAlerts>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<View>> {
    let row = decide::submit(&app, &office(&me), *id).await?;
    Ok(web::Json(view(&app, row).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The hash of the trace, as the approver saw it.
    trace_sha256: String,
}

/// Approve an alert
///
/// By another person than the one who drafted or submitted it. The same approval again gets the same answer. An alert to
/// more people than `alerts.max_people` stays submitted until a second person approves it.
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), request_body = Approval, responses(
    (status = 200, body = View), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/alerts/{id}/approval")]
async fn approve_alert(
    app: web::Data<App>,
    me: Staff<may::ApproveAlerts>,
    id: web::Path<Uuid>,
    body: Body<Approval>,
) -> Answer<web::Json<View>> {
    let body = body.read().await?;
    let row = decide::approve(&app, &office(&me), *id, &body.value.trace_sha256).await?;
    Ok(web::Json(view(&app, row).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rejection {
    /// For who drafted it; at most 500 characters.
    reason: Option<String>,
}

/// Reject an alert
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), request_body = Option<Rejection>, responses(
    (status = 200, body = View), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/alerts/{id}/rejection")]
async fn reject_alert(
    app: web::Data<App>,
    me: Staff<may::ApproveAlerts>,
    id: web::Path<Uuid>,
    body: Body<Rejection>,
) -> Answer<web::Json<View>> {
    let body = body.read().await?;
    let row = decide::reject(&app, &office(&me), *id, body.value.reason).await?;
    Ok(web::Json(view(&app, row).await?))
}

/// Cancel an alert
///
/// Stops what is not sent yet; what is on its way arrives.
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), responses(
    (status = 200, body = View), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/alerts/{id}/cancellation")]
async fn cancel_alert(
    app: web::Data<App>,
    me: Staff<may::DraftAlerts>,
    id: web::Path<Uuid>,
) -> Answer<web::Json<View>> {
    let row = decide::cancel(&app, &office(&me), *id).await?;
    Ok(web::Json(view(&app, row).await?))
}

/// Draft the correction of an alert
///
/// It goes the same way, and to exactly those whom the wrong alert reached.
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), responses(
    (status = 201, body = View), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
#[post("/alerts/{id}/correction")]
async fn correct_alert(
    app: web::Data<App>,
    request: HttpRequest,
    me: Staff<may::DraftAlerts>,
    id: web::Path<Uuid>,
) -> Answer<HttpResponse> {
    let office = office(&me);
    idempotency::once(app, &request, &me.id.to_string(), &Sent::nothing(), move |app| async move {
        let row = draft::correct(&app, &office, *id).await?;
        Ok((StatusCode::CREATED, view(&app, row).await?))
    })
    .await
}

#[derive(Serialize, ToSchema)]
pub(super) struct Delivery {
    id: Uuid,
    alert_id: Option<Uuid>,
    person_id: Option<Uuid>,
    /// The official whose summary by e-mail this is, in place of a person.
    staff_id: Option<Uuid>,
    #[schema(example = "138****8000")]
    phone_masked: Option<String>,
    level: i16,
    channel: Channel,
    state: DeliveryState,
    gateway: Option<String>,
    /// The provider's reason.
    code: Option<String>,
    tries: i32,
    due_at: Timestamp,
    accepted_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    drill: bool,
}

impl Delivery {
    pub(super) fn of(d: mashang_entity::delivery::Model, phone_masked: Option<String>) -> Self {
        Self {
            id: d.id,
            alert_id: d.alert_id,
            person_id: d.person_id,
            staff_id: d.staff_id,
            phone_masked,
            level: d.level,
            channel: d.channel,
            state: d.state,
            gateway: d.gateway,
            code: d.code,
            tries: d.tries,
            due_at: d.due_at,
            accepted_at: d.accepted_at,
            settled_at: d.settled_at,
            drill: d.drill,
        }
    }

    pub(super) fn cursor(&self) -> String {
        cursor(self.id)
    }
}

/// Deliveries of an alert
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<Delivery>), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/alerts/{id}/deliveries")]
async fn list_deliveries(
    app: web::Data<App>,
    me: Staff<may::ReadAlerts>,
    id: web::Path<Uuid>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<Delivery>>> {
    let limit = page.limit()?;
    let found = report::page(&app, &office(&me), *id, page.after_id()?, limit + 1).await?;
    let phone = |person: Option<Uuid>| person.and_then(|id| found.phones.get(&id).cloned());
    let items = found.rows.into_iter().map(|d| {
        let phone = phone(d.person_id);
        Delivery::of(d, phone)
    });
    Ok(web::Json(Page::of(items.collect(), limit, Delivery::cursor)))
}
