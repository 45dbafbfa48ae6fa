//! Signing in and out.

use actix_web::{HttpRequest, HttpResponse, delete, post, web};
use mashang_domain::delivery::Channel;
use mashang_domain::person::Phone;
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::sign_in::SignedIn;
use crate::app::{session, sign_in};
use crate::error::{Answer, Problem};
use crate::http::auth::session_of;
use crate::http::body::Body;
use crate::http::frame::client_address;
use crate::http::server::ProblemBody;
use crate::http::text::Text;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(request_code).service(create_session).service(end_session);
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeRequest {
    /// `1[3-9]` and nine digits, or E.164.
    #[schema(value_type = String, example = "13800138000")]
    phone: Phone,
    #[serde(default)]
    channel: CodeChannel,
}

/// How a code is to arrive.
#[derive(Deserialize, ToSchema, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum CodeChannel {
    #[default]
    Sms,
    Voice,
}

#[derive(Serialize, ToSchema)]
struct CodeAnswer {
    request_id: Uuid,
    /// Seconds the code is valid.
    expires_in: i64,
    /// Seconds until another may be asked for.
    resend_after: i64,
}

/// Ask for a login code
///
/// Sends six digits by SMS or call. The answer is the same for every number.
#[utoipa::path(tag = "Sign-in", request_body = CodeRequest, responses(
    (status = 202, body = CodeAnswer), (status = 422, body = ProblemBody), (status = 429, body = ProblemBody)))]
#[post("/auth/codes")]
async fn request_code(
    app: web::Data<App>,
    request: HttpRequest,
    body: Body<CodeRequest>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let CodeRequest { phone, channel } = body.value;
    let channel = match channel {
        CodeChannel::Sms => Channel::Sms,
        CodeChannel::Voice => Channel::Voice,
    };
    let begun = tokio::time::Instant::now();
    let asked = sign_in::request_code(&app, &phone, channel, &client_address(&app, &request)).await?;
    tokio::time::sleep_until(begun + std::time::Duration::from_millis(app.settings.limits.code_answer_ms))
        .await;
    let sign_in::CodeRequested { request_id, expires_in, resend_after } = asked;
    Ok(HttpResponse::Accepted().json(CodeAnswer { request_id, expires_in, resend_after }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SessionRequest {
    request_id: Uuid,
    /// Six digits.
    #[schema(example = "123456")]
    code: String,
    /// From a `phone_not_bound` of WeChat or Alipay: binds that account to this phone.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 512)]
    binding_token: Option<Text<512>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PersonSummary {
    pub id: Uuid,
    #[schema(example = "138****8000")]
    pub phone_masked: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SessionAnswer {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    expires_at: Timestamp,
    person: PersonSummary,
    is_new: bool,
}

/// Sign in with a code
#[utoipa::path(tag = "Sign-in", request_body = SessionRequest, responses(
    (status = 201, body = SessionAnswer), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 429, body = ProblemBody)))]
#[post("/auth/sessions")]
async fn create_session(app: web::Data<App>, body: Body<SessionRequest>) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let SessionRequest { request_id, code, binding_token } = body.value;
    let binding_token = binding_token.as_ref().map(Text::as_str);
    sign_in::sign_in(&app, request_id, &code, binding_token).await.map(created)
}

/// A session that was opened.
pub(super) fn created(signed_in: SignedIn) -> HttpResponse {
    HttpResponse::Created().json(SessionAnswer {
        access_token: signed_in.opened.token,
        expires_at: signed_in.opened.expires_at,
        person: PersonSummary { id: signed_in.person.id, phone_masked: signed_in.phone.masked() },
        is_new: signed_in.is_new,
    })
}

/// Sign out
#[utoipa::path(tag = "Sign-in", security(("bearer" = [])), responses((status = 204), (status = 401, body = ProblemBody)))]
#[delete("/auth/sessions/current")]
async fn end_session(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let session = session_of(&request).await?;
    session::end(&app, &session).await?;
    Ok(HttpResponse::NoContent().finish())
}
