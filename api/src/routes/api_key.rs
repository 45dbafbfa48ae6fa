//! Keys of gates' devices: made by administrators, shown once, taken back at once.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use mashang_domain::person::DeviceScope;
use mashang_domain::time::Timestamp;
use mashang_entity::api_key;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::device;
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::body::Body;
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create_api_key).service(list_api_keys).service(revoke_api_key);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewApiKey {
    #[schema(example = "东门测温枪", max_length = 64)]
    name: String,
    scopes: Vec<DeviceScope>,
    /// Where the device stands; people read it in the list of their checks.
    #[schema(example = "东门", max_length = 64)]
    place: Option<String>,
    /// GB/T 2260, 6, 9 or 12 digits.
    #[schema(example = "530102")]
    division_code: Option<String>,
    /// Never, when absent.
    expires_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct ApiKey {
    id: Uuid,
    name: String,
    scopes: Vec<DeviceScope>,
    place: Option<String>,
    division_code: Option<String>,
    created_by: Uuid,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<api_key::Model> for ApiKey {
    fn from(row: api_key::Model) -> Self {
        let scopes = device::scopes_of(&row);
        Self {
            id: row.id,
            name: row.name,
            scopes,
            place: row.place,
            division_code: (!row.division_code.is_empty()).then_some(row.division_code),
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct MadeApiKey {
    #[serde(flatten)]
    key: ApiKey,
    /// The bearer token of the device; shown this once.
    #[schema(example = "mk_0AbC")]
    secret: String,
}

/// Make a key for a gate's device
///
/// Its secret is shown in this answer and never again.
#[utoipa::path(tag = "Gates", security(("bearer" = [])), request_body = NewApiKey, responses(
    (status = 201, body = MadeApiKey), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/api-keys")]
async fn create_api_key(
    app: web::Data<App>,
    request: HttpRequest,
    admin: Staff<may::ManageDevices>,
    body: Body<NewApiKey>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let NewApiKey { name, scopes, place, division_code, expires_at } = body.value;
    let new = device::NewKey { name, scopes, place, division_code, expires_at };
    let actor = admin.id.to_string();
    idempotency::once(app, &request, &actor, &body.sent, move |app| async move {
        let device::Made { row, secret } = device::create(&app, &admin, new).await?;
        Ok((StatusCode::CREATED, MadeApiKey { key: row.into(), secret }))
    })
    .await
}

/// Keys of devices, in the order they were made
///
/// Those taken back too; no secret is in it.
#[utoipa::path(tag = "Gates", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<ApiKey>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
#[get("/api-keys")]
async fn list_api_keys(
    app: web::Data<App>,
    admin: Staff<may::ManageDevices>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<ApiKey>>> {
    let limit = page.limit()?;
    let rows = device::list(&app, &admin.division, page.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(ApiKey::from).collect(), limit, |key| cursor(key.id))))
}

/// Take a key back
///
/// At once: the next request with it is refused, in every process.
#[utoipa::path(tag = "Gates", security(("bearer" = [])), responses(
    (status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
#[delete("/api-keys/{id}")]
async fn revoke_api_key(
    app: web::Data<App>,
    admin: Staff<may::ManageDevices>,
    id: web::Path<Uuid>,
) -> Answer<HttpResponse> {
    device::revoke(&app, &admin, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
