//! The operation and its end. What is answered after the end holds no personal data and needs no session.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpResponse, get, post, web};
use mashang_domain::protection::OperationState;
use mashang_domain::protection::certificate::SignedCertificate;
use mashang_domain::protection::ending::{CONFIRM_WITHIN, EndStep};
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::operation;
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::body::Body;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show_operation).service(end_operation).service(show_certificate);
}

/// Paths that are served after the end.
pub const SERVED_AFTER_THE_END: &[&str] = &["/api/v1/operation", "/api/v1/operation/certificate"];

#[derive(Serialize, ToSchema)]
struct OperationView {
    id: Uuid,
    name: String,
    legal_basis: String,
    hotline: String,
    state: OperationState,
    started_at: Timestamp,
    end_requested_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    /// Whether the data was destroyed and the certificate can be fetched.
    certified: bool,
    /// SHA-256 of the public key that the certificate of destruction will be signed with. Note it.
    certificate_key_fingerprint: String,
}

/// The operation
#[utoipa::path(tag = "Operation", responses((status = 200, body = OperationView)))]
#[get("/operation")]
async fn show_operation(app: web::Data<App>) -> Answer<web::Json<OperationView>> {
    let row = operation::current(&app).await?;
    Ok(web::Json(OperationView {
        id: row.id,
        name: row.name,
        legal_basis: row.legal_basis,
        hotline: app.settings.operation.hotline.clone(),
        state: row.state,
        started_at: row.started_at,
        end_requested_at: row.end_requested_at,
        ended_at: row.ended_at,
        certified: row.certificate.is_some(),
        certificate_key_fingerprint: operation::certificate_key_fingerprint(&app),
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndOperation {
    /// `true` confirms what another administrator has requested; absent or `false` requests.
    #[serde(default)]
    confirm: bool,
}

#[derive(Serialize, ToSchema)]
struct EndAnswer {
    state: OperationState,
    /// A request lapses then.
    confirm_before: Option<Timestamp>,
}

/// End the operation and destroy its data
///
/// One administrator requests, another confirms within 24 hours. A confirmed end cannot be undone.
#[utoipa::path(tag = "Operation", security(("bearer" = [])), request_body = Option<EndOperation>, responses(
    (status = 202, body = EndAnswer), (status = 403, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 410, body = ProblemBody)))]
#[post("/operation/end")]
async fn end_operation(
    app: web::Data<App>,
    me: Staff<may::ManageOperation>,
    body: Body<EndOperation>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let step = if body.value.confirm { EndStep::Confirm } else { EndStep::Request };
    let row = operation::end(&app, &me.actor(), me.id, step).await?;
    let confirm_before = match row.state {
        OperationState::EndRequested => row.end_requested_at.map(|at| at + CONFIRM_WITHIN),
        OperationState::Running | OperationState::Ended => None,
    };
    Ok(HttpResponse::Accepted().json(EndAnswer { state: row.state, confirm_before }))
}

/// Forms of the certificate.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// The signed file.
    #[default]
    Json,
    /// The bytes that were signed.
    Canonical,
    /// For people, in Chinese, then in English.
    Text,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct CertificateQuery {
    #[serde(default)]
    #[param(inline)]
    form: Form,
}

/// The certificate of destruction
#[utoipa::path(tag = "Operation", params(CertificateQuery), responses(
    (status = 200, body = SignedCertificate), (status = 404, body = ProblemBody)))]
#[get("/operation/certificate")]
async fn show_certificate(app: web::Data<App>, query: web::Query<CertificateQuery>) -> Answer<HttpResponse> {
    let signed = operation::certificate(&app).await?;
    let mut response = HttpResponse::Ok();
    Ok(match query.form {
        Form::Json => response
            .content_type("application/json")
            .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"mashang-certificate.json\""))
            .body(signed.to_file()),
        Form::Canonical => {
            response.content_type("application/octet-stream").body(signed.certificate.canonical_bytes())
        }
        Form::Text => response.content_type("text/plain; charset=utf-8").body(signed.certificate.to_text()),
    })
}
