//! Everything that can go wrong towards a client, in one place.
//!
//! Use cases return a [`Problem`] that says what happened by its [`Code`]; this file turns it into
//! `application/problem+json` (RFC 9457). The text of a code is fixed, in Chinese and English; details that help
//! operators go to the log with the request id and never to the client.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value, json};

use mashang_infra::health::issuer::IssuerError;
use mashang_infra::store::gather::GatherError;

use crate::http::context;

/// Declares the codes: word, status, Chinese title, English title.
macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident = $word:literal, $status:literal, $zh:literal, $en:literal;)+) => {
        /// Stable words that clients read in `code`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$meta])* $variant),+ }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];
            pub const fn word(self) -> &'static str { match self { $(Code::$variant => $word),+ } }
            pub const fn status(self) -> u16 { match self { $(Code::$variant => $status),+ } }
            pub const fn title_zh(self) -> &'static str { match self { $(Code::$variant => $zh),+ } }
            pub const fn title_en(self) -> &'static str { match self { $(Code::$variant => $en),+ } }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", 400, "请求内容不是有效的 JSON", "The body is not valid JSON";
    BadRequest = "bad_request", 400, "请求格式有误", "The request is malformed";
    Unauthenticated = "unauthenticated", 401, "请先登录", "Sign in first";
    CodeInvalid = "code_invalid", 401, "验证码错误", "The code is wrong";
    CodeExpired = "code_expired", 401, "验证码已失效，请重新获取", "The code is no longer valid; ask for a new one";
    PlatformCodeInvalid = "code_invalid", 401, "登录凭证无效、已使用或已过期，请重新获取", "What the platform gave is not valid, used or expired; ask it again";
    BindingExpired = "binding_expired", 401, "绑定凭证已失效，请重新登录", "The binding token is no longer valid; sign in again";
    CredentialsInvalid = "credentials_invalid", 401, "用户名、密码或动态口令错误", "User name, password or one-time password is wrong";
    TotpRequired = "totp_required", 401, "请输入动态口令", "A one-time password is wanted";
    Forbidden = "forbidden", 403, "没有权限执行此操作", "You may not do this";
    OwnSubmission = "own_submission", 403, "不能审批自己提交的提醒", "Who drafted or submitted an alert cannot decide on it";
    AccountBlocked = "account_blocked", 403, "平台判定该账号存在风险，请改用短信验证码登录", "The platform has blocked this account; sign in by a code instead";
    OwnRequest = "own_request", 403, "须由另一名工作人员复核", "Another official has to decide on this request";
    OwnDecision = "own_decision", 403, "不能裁决针对自己决定的申诉", "Who set the colour does not decide on the appeal against it";
    NotFound = "not_found", 404, "没有找到", "Not found";
    PlatformNotConfigured = "platform_not_configured", 404, "本系统未启用该平台", "This platform is not used here";
    MethodNotAllowed = "method_not_allowed", 405, "不支持该请求方法", "This method is not allowed here";
    RequestTimeout = "request_timeout", 408, "请求内容未能及时送达", "The body did not arrive in time";
    PhoneNotBound = "phone_not_bound", 409, "该账号尚未绑定手机号", "This account has no phone number yet";
    Conflict = "conflict", 409, "与当前状态冲突", "This conflicts with the present state";
    VenueClosed = "venue_closed", 409, "该场所尚未启用或已停用，暂不能扫码", "This venue is not open for scanning";
    WrongState = "wrong_state", 409, "当前状态不允许此操作", "The present state does not allow this";
    TraceChanged = "trace_changed", 409, "追踪结果已变化，请重新核对后再审批", "The trace has changed; look at it again before you approve";
    InProgress = "in_progress", 409, "相同的请求正在处理", "The same request is still in work";
    UsernameTaken = "username_taken", 409, "用户名已被使用", "The user name is taken";
    PhoneTaken = "phone_taken", 409, "该手机号已被使用", "This phone number is taken";
    ZoneTaken = "zone_taken", 409, "该场所已有同名分区", "The venue has a zone of this name";
    SameColour = "same_colour", 409, "健康码已是该颜色", "The code has this colour already";
    DaysLeft = "days_left", 409, "打卡天数未满，不能解除", "Days are left before the release";
    RequestWaiting = "request_waiting", 409, "该人员已有待复核的变更", "A change of this person waits for a second official already";
    NotRestricted = "not_restricted", 409, "只有黄码或红码可以申诉", "Only a yellow or red code is appealed against";
    AppealOpen = "appeal_open", 409, "已有尚未裁决的申诉", "An appeal is open already";
    OperationEnded = "operation_ended", 410, "本次行动已结束，数据已销毁", "The operation has ended and its data was destroyed";
    CodeRevoked = "code_revoked", 410, "此码已更换，请扫描现场张贴的新码", "This code was replaced; scan the new one";
    TooLarge = "too_large", 413, "请求内容过大", "The body is too large";
    UnsupportedMediaType = "unsupported_media_type", 415, "不支持该内容类型", "This content type is not supported";
    Invalid = "invalid", 422, "内容不符合要求", "The content does not meet the requirements";
    UnknownField = "unknown_field", 422, "含有未知字段", "The body holds an unknown field";
    VenueCodeInvalid = "code_invalid", 422, "不是有效的场所码", "This is no valid venue code";
    PhoneInvalid = "phone_invalid", 422, "手机号格式不正确", "The phone number is not valid";
    NoticeOutdated = "notice_outdated", 409, "告知书已更新，请阅读新版后重新同意", "The notice has changed; read the new one and consent again";
    NotDeclared = "not_declared", 409, "尚未申报健康信息或申报已过期，请先申报", "There is no valid health declaration; declare first";
    TokenInvalid = "token_invalid", 422, "不是有效的健康码", "This is no valid code";
    TokenExpired = "token_expired", 422, "该码已过期，请刷新后再出示", "The code has expired; refresh it and show it again";
    CardMismatch = "card_mismatch", 409, "该卡的持卡人与申报的证件不符", "The card's holder is not who has declared";
    CardCodeInvalid = "card_code_invalid", 422, "授权码无效、已使用或已过期", "The card's code is wrong, used or expired";
    IdempotencyMismatch = "idempotency_mismatch", 422, "同一幂等键对应了不同的请求内容", "This Idempotency-Key was used with another body";
    RateLimited = "rate_limited", 429, "操作过于频繁，请稍后再试", "Too many requests; try again later";
    Internal = "internal", 500, "服务器内部错误", "Something went wrong on our side";
    Overloaded = "overloaded", 503, "系统繁忙，请稍后重试", "The service is busy; try again shortly";
    Unavailable = "unavailable", 503, "服务暂不可用，请稍后重试", "The service is unavailable; try again shortly";
    PlatformUnavailable = "platform_unavailable", 503, "平台暂时无法连接，请稍后重试或改用短信验证码登录", "The platform is out of reach; try again shortly, or sign in by a code";
    FontMissing = "font_missing", 503, "服务器缺少中文字体，请改用 SVG 或联系管理员", "The server lacks a Chinese font; use SVG or ask the administrator";
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Path of the field, such as `scans[3].venue_code`.
    pub field: String,
    pub code: String,
    pub detail: String,
}

/// What is answered instead of the result.
#[derive(Debug, Clone)]
pub struct Problem {
    pub code: Code,
    pub detail: Option<String>,
    pub errors: Vec<FieldError>,
    /// Seconds.
    pub retry_after: Option<u64>,
    pub extra: Map<String, Value>,
}

pub type Answer<T> = Result<T, Problem>;

impl Problem {
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), retry_after: None, extra: Map::new() }
    }

    pub fn with_detail(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(code) }
    }

    /// One field is wrong.
    pub fn field(field: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let error = FieldError { field: field.into(), code: code.into(), detail: detail.into() };
        Self { detail: Some(error.detail.clone()), errors: vec![error], ..Self::new(Code::Invalid) }
    }

    /// Try again after so many milliseconds (rounded up to seconds).
    pub fn retry(code: Code, millis: i64) -> Self {
        let seconds = u64::try_from(millis.max(1)).unwrap_or(1).div_ceil(1000);
        Self { retry_after: Some(seconds), ..Self::new(code) }
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }

    /// A failure of ours: logged with the request id, told to nobody.
    pub fn internal(error: impl fmt::Display) -> Self {
        tracing::error!(error = %error, "request failed");
        Self::new(Code::Internal)
    }

    /// As the client reads it.
    pub fn body(&self) -> Value {
        let lang = context::language();
        let title = lang.pick(self.code.title_zh(), self.code.title_en());
        let mut body = json!({
            "type": format!("https://mashang.invalid/problems/{}", self.code.word()),
            "title": title,
            "status": self.code.status(),
            "code": self.code.word(),
            "detail": self.detail.as_deref().unwrap_or(title),
            "request_id": context::request_id(),
        });
        if !self.errors.is_empty() {
            body["errors"] = json!(self.errors);
        }
        if let Some(seconds) = self.retry_after {
            body["retry_after"] = json!(seconds);
        }
        for (k, v) in &self.extra {
            body[k.as_str()] = v.clone();
        }
        body
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.word())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        let retry_after = self.retry_after.or((self.code.status() == 503).then_some(1));
        if let Some(seconds) = retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if self.code.status() == 401 {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(self.body().to_string())
    }
}

impl From<sea_orm::DbErr> for Problem {
    /// A database that is away, busy or shutting down is "try again"; anything else is a failure of ours.
    fn from(error: sea_orm::DbErr) -> Self {
        if mashang_infra::db::is_transient(&error) {
            complain(&error);
            return Self::retry(Code::Unavailable, 1000);
        }
        Self::internal(error)
    }
}

impl From<GatherError> for Problem {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Overloaded => Self::retry(Code::Overloaded, 1000),
            GatherError::Failed(cause) if mashang_infra::db::is_transient(&cause) => {
                complain(&cause);
                Self::retry(Code::Unavailable, 1000)
            }
            GatherError::Interrupted => Self::retry(Code::Unavailable, 1000),
            GatherError::Failed(_) => Self::internal(error),
        }
    }
}

/// One line a second: in an outage everybody's request fails, and the log is not to fail with them.
fn complain(error: &sea_orm::DbErr) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    metrics::counter!("mashang_database_failures_total").increment(1);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
        *last = Some(Instant::now());
        tracing::warn!(error = %error, "the database is out of reach");
    }
}

impl From<IssuerError> for Problem {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::Database(cause) => cause.into(),
            IssuerError::Sealed(_) | IssuerError::Key(_) | IssuerError::NoRandomness => Self::internal(error),
        }
    }
}

impl From<mashang_infra::keys::SealError> for Problem {
    fn from(error: mashang_infra::keys::SealError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_words_and_statuses_errors() {
        for code in Code::ALL {
            assert!(code.word().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code:?}");
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert!(!code.title_zh().is_empty() && code.title_en().is_ascii());
        }
    }
}
