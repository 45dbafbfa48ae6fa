//! Health declarations.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use mashang_domain::health::{Symptom, Temperature};
use mashang_domain::person::{IdentityKind, IdentityNumber, Name};
use mashang_domain::time::Timestamp;
use mashang_entity::declaration;
use mashang_infra::health::statement::{Arrival, Guardian, Statement};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::health_code::{ColourView, temperature};
use crate::app::health::{declare, notice};
use crate::error::{Answer, Problem};
use crate::http::auth::Citizen;
use crate::http::body::{Body, Read};
use crate::http::context::Language;
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show_notice).service(declare_health).service(list_declarations);
}

#[derive(Serialize, ToSchema)]
struct NoticeText {
    #[schema(example = "2020-02-11")]
    version: String,
    #[schema(example = "zh-CN")]
    language: &'static str,
    text: String,
}

/// The notice to consent to before declaring
#[utoipa::path(tag = "Health code", responses((status = 200, body = NoticeText)))]
#[get("/health-notice")]
async fn show_notice(app: web::Data<App>) -> web::Json<NoticeText> {
    let notice = notice::present(&app);
    let language = match notice.language {
        Language::Chinese => "zh-CN",
        Language::English => "en",
    };
    web::Json(NoticeText { version: notice.version, language, text: notice.text })
}

/// From where somebody came, and when.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArrivalBody {
    /// GB/T 2260, 6, 9 or 12 digits.
    #[schema(example = "420100")]
    division_code: String,
    #[schema(value_type = String, format = Date)]
    on: NaiveDate,
}

/// Who consents for a child under 14.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GuardianBody {
    name: String,
    #[schema(example = "母亲")]
    relation: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDeclaration {
    #[schema(example = "张三")]
    name: String,
    id_type: IdentityKind,
    /// Checked by its check digit where it has one.
    #[schema(example = "11010519491231002X")]
    id_number: String,
    /// Where the number does not say it (passports and the like).
    #[schema(value_type = Option<String>, format = Date)]
    birth_date: Option<NaiveDate>,
    /// Residence, GB/T 2260, 6, 9 or 12 digits.
    #[schema(example = "330106")]
    division_code: String,
    address: Option<String>,
    arrival: Option<ArrivalBody>,
    /// Contact with a confirmed or suspected case within 14 days.
    contact_with_case: bool,
    /// Stay in a key area within 14 days.
    #[serde(default)]
    from_key_area: bool,
    /// Each counts once.
    symptoms: Vec<Symptom>,
    #[schema(minimum = 30, maximum = 45)]
    temperature_c: Option<f64>,
    guardian: Option<GuardianBody>,
    /// That of the notice which was read.
    #[schema(example = "2020-02-11")]
    notice_version: String,
    consent: bool,
    /// A consent of its own for health data, which are sensitive.
    consent_health_data: bool,
}

#[derive(Serialize, ToSchema)]
struct Declared {
    id: Uuid,
    declared_at: Timestamp,
    #[serde(flatten)]
    health: ColourView,
}

/// Declare my health
///
/// Answered with the first colour. The newest declaration is in force; declaring again makes no colour milder.
#[utoipa::path(tag = "Health code", security(("bearer" = [])), request_body = NewDeclaration, responses(
    (status = 201, body = Declared), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/me/declarations")]
async fn declare_health(
    app: web::Data<App>,
    request: HttpRequest,
    citizen: Citizen,
    body: Body<NewDeclaration>,
) -> Answer<HttpResponse> {
    let Read { value, sent } = body.read().await?;
    let form = form(&app, value)?;
    let actor = citizen.person_id.to_string();
    idempotency::once(app, &request, &actor, &sent, move |app| async move {
        let made = declare::declare(&app, &citizen, form).await?;
        let health = ColourView::of(&app, &made.state, made.at);
        Ok((StatusCode::CREATED, Declared { id: made.id, declared_at: made.at, health }))
    })
    .await
}

fn form(app: &App, new: NewDeclaration) -> Answer<declare::Form> {
    let today = app.clock.now().shanghai_day();
    let name = Name::parse(&new.name).map_err(|e| Problem::field("name", "name_invalid", e.to_string()))?;
    let identity = IdentityNumber::parse(new.id_type, &new.id_number, today)
        .map_err(|e| Problem::field("id_number", "id_number_invalid", e.to_string()))?;
    let temperature = new.temperature_c.map(temperature).transpose()?;
    let statement = Statement {
        name: name.reveal().to_owned(),
        id_type: identity.kind(),
        id_number: identity.reveal().to_owned(),
        birth_date: new.birth_date,
        address: new.address,
        arrival: new.arrival.map(|a| Arrival { division_code: a.division_code, on: a.on }),
        contact_with_case: new.contact_with_case,
        from_key_area: new.from_key_area,
        symptoms: new.symptoms.into_iter().collect(),
        temperature,
        guardian: new.guardian.map(|g| Guardian { name: g.name, relation: g.relation }),
    };
    let consent = declare::Consent {
        notice_version: new.notice_version,
        given: new.consent,
        health_data: new.consent_health_data,
    };
    Ok(declare::Form { statement, identity, division_code: new.division_code, consent })
}

/// A declaration as its person reads it; the number is masked all the same, for screens are looked at by others too.
#[derive(Serialize, ToSchema)]
struct DeclarationView {
    id: Uuid,
    declared_at: Timestamp,
    name: String,
    id_type: IdentityKind,
    #[schema(example = "11****2X")]
    id_number_masked: String,
    division_code: String,
    address: Option<String>,
    arrival: Option<ArrivalBody>,
    contact_with_case: bool,
    from_key_area: bool,
    symptoms: BTreeSet<Symptom>,
    temperature_c: Option<f64>,
    guardian: Option<GuardianBody>,
    notice_version: String,
}

impl From<(declaration::Model, Statement)> for DeclarationView {
    fn from((row, said): (declaration::Model, Statement)) -> Self {
        Self {
            id: row.id,
            declared_at: row.created_at,
            id_number_masked: said.identity().map_or_else(|| "****".to_owned(), |id| id.masked()),
            name: said.name,
            id_type: said.id_type,
            division_code: row.division_code,
            address: said.address,
            arrival: said.arrival.map(|a| ArrivalBody { division_code: a.division_code, on: a.on }),
            contact_with_case: said.contact_with_case,
            from_key_area: said.from_key_area,
            symptoms: said.symptoms,
            temperature_c: said.temperature.map(Temperature::celsius),
            guardian: said.guardian.map(|g| GuardianBody { name: g.name, relation: g.relation }),
            notice_version: row.notice_version,
        }
    }
}

/// My declarations, newest first
#[utoipa::path(tag = "Health code", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<DeclarationView>), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/me/declarations")]
async fn list_declarations(
    app: web::Data<App>,
    citizen: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<DeclarationView>>> {
    let limit = page.limit()?;
    let rows = declare::list(&app, &citizen, page.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(DeclarationView::from).collect(), limit, |d| cursor(d.id))))
}
