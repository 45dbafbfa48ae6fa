//! The citizen's own record.

use actix_web::{HttpResponse, delete, get, post, web};
use mashang_domain::person::Platform;
use mashang_domain::time::Timestamp;
use mashang_entity::platform_account;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::auth::PersonSummary;
use crate::app::{me, sign_in};
use crate::error::Answer;
use crate::http::auth::Citizen;
use crate::http::body::Body;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show_me).service(erase_me).service(export_me).service(change_my_phone);
}

#[derive(Serialize, ToSchema)]
struct Me {
    id: Uuid,
    #[schema(example = "138****8000")]
    phone_masked: String,
    created_at: Timestamp,
    /// Accounts that sign me in without a code.
    accounts: Vec<LinkedAccount>,
}

#[derive(Serialize, ToSchema)]
struct LinkedAccount {
    platform: Platform,
    bound_at: Timestamp,
}

/// My record
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), responses((status = 200, body = Me), (status = 401, body = ProblemBody)))]
#[get("/me")]
async fn show_me(app: web::Data<App>, citizen: Citizen) -> Answer<web::Json<Me>> {
    let (person, phone_masked) = me::record(&app, &citizen).await?;
    let accounts = me::accounts(&app, &citizen).await?;
    let linked = |a: platform_account::Model| LinkedAccount { platform: a.platform, bound_at: a.bound_at };
    let accounts = accounts.into_iter().map(linked).collect();
    Ok(web::Json(Me { id: person.id, phone_masked, created_at: person.created_at, accounts }))
}

/// Erase me
///
/// Deletes the number, all scans, notices, sessions and linked accounts. Cannot be undone.
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), responses((status = 204), (status = 401, body = ProblemBody)))]
#[delete("/me")]
async fn erase_me(app: web::Data<App>, citizen: Citizen) -> Answer<HttpResponse> {
    me::erase(&app, &citizen).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Everything that is held about me
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), responses((status = 200, body = Object), (status = 401, body = ProblemBody)))]
#[get("/me/export")]
async fn export_me(app: web::Data<App>, citizen: Citizen) -> Answer<HttpResponse> {
    let everything = me::export(&app, &citizen).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("Content-Disposition", "attachment; filename=\"mashang-export.json\""))
        .json(everything))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PhoneChange {
    /// Of a code that was sent to the new number.
    request_id: Uuid,
    code: String,
}

/// Change my number
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), request_body = PhoneChange, responses(
    (status = 200, body = PersonSummary), (status = 401, body = ProblemBody), (status = 409, body = ProblemBody)))]
#[post("/me/phone")]
async fn change_my_phone(
    app: web::Data<App>,
    citizen: Citizen,
    body: Body<PhoneChange>,
) -> Answer<web::Json<PersonSummary>> {
    let body = body.read().await?;
    let phone =
        sign_in::change_phone(&app, citizen.person_id, body.value.request_id, &body.value.code).await?;
    Ok(web::Json(PersonSummary { id: citizen.person_id, phone_masked: phone.masked() }))
}
