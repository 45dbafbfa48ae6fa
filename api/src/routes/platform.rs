//! Signing in through WeChat and Alipay, and WeChat's message push.

use actix_web::{HttpResponse, get, post, web};
use mashang_infra::platform::wechat::push::{self, Signed};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::auth::{SessionAnswer, created};
use crate::app::platform;
use crate::error::{Answer, Code, Problem};
use crate::http::body::Body;
use crate::http::raw::RawBody;
use crate::http::server::ProblemBody;
use crate::http::text::Text;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(sign_in_by_wechat).service(sign_in_by_wechat_phone);
    config.service(sign_in_by_alipay).service(sign_in_by_alipay_phone);
    config.service(probe_wechat_push).service(take_wechat_push);
}

/// What a platform hands to a client, up to so many characters; the platforms' codes have 32 to 64.
type ClientCode = Text<512>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WechatRequest {
    /// From `wx.login`.
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    js_code: ClientCode,
}

/// Sign in through WeChat
///
/// 409 `phone_not_bound` comes with a `binding_token`, good for ten minutes and once: take it to
/// `/auth/sessions/wechat/phone`, or to `/auth/sessions` with a code by SMS. 404 `platform_not_configured` where WeChat is not
/// used.
#[utoipa::path(tag = "Sign-in", request_body = WechatRequest, responses(
    (status = 201, body = SessionAnswer), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 429, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
#[post("/auth/sessions/wechat")]
async fn sign_in_by_wechat(app: web::Data<App>, body: Body<WechatRequest>) -> Answer<HttpResponse> {
    let body = body.read().await?;
    platform::by_wechat(&app, body.value.js_code.as_str()).await.map(created)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WechatPhoneRequest {
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    binding_token: ClientCode,
    /// From WeChat's button `getPhoneNumber`.
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    phone_code: ClientCode,
}

/// Bind a WeChat account by the phone number it gives
///
/// 401 `binding_expired` when the token is over, `code_invalid` when WeChat does not take the code.
#[utoipa::path(tag = "Sign-in", request_body = WechatPhoneRequest, responses(
    (status = 201, body = SessionAnswer), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/auth/sessions/wechat/phone")]
async fn sign_in_by_wechat_phone(
    app: web::Data<App>,
    body: Body<WechatPhoneRequest>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let WechatPhoneRequest { binding_token, phone_code } = body.value;
    platform::by_wechat_phone(&app, binding_token.as_str(), phone_code.as_str()).await.map(created)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AlipayRequest {
    /// From `my.getAuthCode`.
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    auth_code: ClientCode,
}

/// Sign in through Alipay
///
/// 409 `phone_not_bound` comes with a `binding_token`, good for ten minutes and once: take it to
/// `/auth/sessions/alipay/phone`, or to `/auth/sessions` with a code by SMS. 404 `platform_not_configured` where Alipay is not
/// used.
#[utoipa::path(tag = "Sign-in", request_body = AlipayRequest, responses(
    (status = 201, body = SessionAnswer), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/auth/sessions/alipay")]
async fn sign_in_by_alipay(app: web::Data<App>, body: Body<AlipayRequest>) -> Answer<HttpResponse> {
    let body = body.read().await?;
    platform::by_alipay(&app, body.value.auth_code.as_str()).await.map(created)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AlipayPhoneRequest {
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    binding_token: ClientCode,
    /// What `my.getPhoneNumber` gave: the text under `response` in it, encrypted.
    #[schema(value_type = String, min_length = 1, max_length = 4096)]
    response: Text<4096>,
    /// The signature that stands beside it.
    #[schema(value_type = String, min_length = 1, max_length = 1024)]
    sign: Text<1024>,
}

/// Bind an Alipay account by the phone number it gives
///
/// 401 `binding_expired` when the token is over, `code_invalid` when content or signature are not good.
#[utoipa::path(tag = "Sign-in", request_body = AlipayPhoneRequest, responses(
    (status = 201, body = SessionAnswer), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/auth/sessions/alipay/phone")]
async fn sign_in_by_alipay_phone(
    app: web::Data<App>,
    body: Body<AlipayPhoneRequest>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let AlipayPhoneRequest { binding_token, response, sign } = body.value;
    platform::by_alipay_phone(&app, binding_token.as_str(), response.as_str(), sign.as_str())
        .await
        .map(created)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PushQuery {
    /// SHA-1 of token, timestamp and nonce, sorted.
    signature: String,
    /// Seconds since 1970.
    timestamp: String,
    nonce: String,
}

impl PushQuery {
    fn signed(&self) -> Signed<'_> {
        Signed { signature: &self.signature, timestamp: &self.timestamp, nonce: &self.nonce }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProbeQuery {
    /// What is to be answered.
    echostr: String,
}

/// WeChat's probe of the push address
///
/// Answers `echostr` when the signature is WeChat's and not older than ten minutes.
#[utoipa::path(tag = "Sign-in", params(PushQuery, ProbeQuery), responses(
    (status = 200, body = String, content_type = "text/plain"), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
#[get("/platforms/wechat/push")]
async fn probe_wechat_push(
    app: web::Data<App>,
    signed: web::Query<PushQuery>,
    probe: web::Query<ProbeQuery>,
) -> Answer<HttpResponse> {
    platform::is_from_wechat(&app, signed.signed())?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(probe.into_inner().echostr))
}

/// WeChat's message push
///
/// Events in plain mode, JSON or XML. What people said to subscribe messages is noted down; everything else is taken and
/// ignored. The answer is `success`, as WeChat wants it.
#[utoipa::path(tag = "Sign-in", params(PushQuery), request_body(content = String, content_type = "text/xml"),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
#[post("/platforms/wechat/push")]
async fn take_wechat_push(
    app: web::Data<App>,
    signed: web::Query<PushQuery>,
    body: RawBody,
) -> Answer<HttpResponse> {
    platform::is_from_wechat(&app, signed.signed())?;
    let event = push::read(&body.read(&app).await?).map_err(|e| {
        tracing::warn!(error = %e, "a push of WeChat's cannot be read");
        Problem::with_detail(Code::Invalid, e.to_string())
    })?;
    platform::receive(&app, &event).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("success"))
}
