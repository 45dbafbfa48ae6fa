//! Staff: log-in, and the management of rights.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use mashang_domain::person::{Division, Email, Role};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::Timestamp;
use mashang_entity::staff as entity;
use mashang_infra::keys::KeyRing;
use mashang_infra::store::staff::{self as store, SealedEmail, StaffChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::{password, staff};
use crate::error::{Answer, Problem};
use crate::http::auth::{Staff, may};
use crate::http::body::{Body, present};
use crate::http::idempotency;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(log_in).service(list_staff).service(add_staff).service(change_staff);
}

#[derive(Serialize, ToSchema)]
struct StaffMember {
    id: Uuid,
    username: String,
    role: Role,
    /// Prefix of GB/T 2260 that bounds what they see; empty = everywhere.
    division: String,
    /// Where summaries of alerts go.
    #[schema(example = "z***@example.cn")]
    email_masked: Option<String>,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

impl StaffMember {
    fn of(keys: &KeyRing, s: entity::Model) -> Answer<Self> {
        let email = store::email_of(keys, &s, Purpose::Administration)?;
        let entity::Model { id, username, role, division, created_at, disabled_at, .. } = s;
        let email_masked = email.map(|email| email.masked());
        Ok(Self { id, username, role, division, email_masked, created_at, disabled_at })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    username: String,
    password: String,
    /// Six digits of the authenticator, when the account has one.
    totp: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct StaffSession {
    access_token: String,
    expires_at: Timestamp,
    staff: StaffMember,
}

/// Log in as staff
#[utoipa::path(tag = "Staff", request_body = LogIn, responses(
    (status = 201, body = StaffSession), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)))]
#[post("/staff/sessions")]
async fn log_in(app: web::Data<App>, body: Body<LogIn>) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let LogIn { username, password, totp } = body.value;
    let (opened, member) = staff::log_in(&app, &username, password, totp.as_deref()).await?;
    let staff = StaffMember::of(&app.keys, member)?;
    let answer = StaffSession { access_token: opened.token, expires_at: opened.expires_at, staff };
    Ok(HttpResponse::Created().json(answer))
}

/// Staff of my division
#[utoipa::path(tag = "Staff", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<StaffMember>), (status = 403, body = ProblemBody)))]
#[get("/staff")]
async fn list_staff(
    app: web::Data<App>,
    me: Staff<may::ManageStaff>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<StaffMember>>> {
    let limit = page.limit()?;
    let rows = store::page(app.db.conn(), &me.division, page.after_id()?, limit + 1).await?;
    let members: Vec<StaffMember> =
        rows.into_iter().map(|s| StaffMember::of(&app.keys, s)).collect::<Answer<_>>()?;
    Ok(web::Json(Page::of(members, limit, |s| cursor(s.id))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMember {
    username: String,
    /// 12 to 128 characters.
    password: String,
    role: Role,
    /// Division code; everywhere when absent.
    division: Option<String>,
    /// Work address, for summaries of alerts. Shown masked ever after.
    #[schema(value_type = Option<String>, example = "zhang@example.cn")]
    email: Option<Email>,
}

#[derive(Serialize, ToSchema)]
struct AddedMember {
    id: Uuid,
    /// For the authenticator; shown this once.
    totp_url: Option<String>,
}

/// Add a member of staff
#[utoipa::path(tag = "Staff", security(("bearer" = [])), request_body = NewMember, responses(
    (status = 201, body = AddedMember), (status = 403, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
#[post("/staff")]
async fn add_staff(
    app: web::Data<App>,
    request: HttpRequest,
    me: Staff<may::ManageStaff>,
    body: Body<NewMember>,
) -> Answer<HttpResponse> {
    let body = body.read().await?;
    let (actor, new) = (me.actor(), body.value);
    let division = parse_division(new.division.as_deref())?;
    staff::require_grant(&actor, new.role)?;
    staff::require_inside(&actor, division.prefix())?;
    let appointment = staff::Appointment {
        username: new.username,
        password: new.password,
        role: new.role,
        division,
        totp: true,
        email: new.email,
    };
    idempotency::once(app, &request, &actor.id(), &body.sent, move |app| async move {
        let added = staff::appoint(&app.db, &app.keys, &actor, appointment, app.clock.now()).await?;
        Ok((StatusCode::CREATED, AddedMember { id: added.id, totp_url: added.totp_url }))
    })
    .await
}

pub(crate) fn parse_division(code: Option<&str>) -> Answer<Division> {
    Division::parse_scope(code.unwrap_or(""))
        .map_err(|e| Problem::field("division", "invalid", e.to_string()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MemberChange {
    role: Option<Role>,
    division: Option<String>,
    disabled: Option<bool>,
    password: Option<String>,
    /// Null takes the address away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "zhang@example.cn")]
    email: Option<Option<Email>>,
}

/// Change a member of staff
///
/// Ends their sessions: what changed counts with their next request.
#[utoipa::path(tag = "Staff", security(("bearer" = [])), request_body = Option<MemberChange>, responses(
    (status = 200, body = StaffMember), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[patch("/staff/{id}")]
async fn change_staff(
    app: web::Data<App>,
    me: Staff<may::ManageStaff>,
    id: web::Path<Uuid>,
    body: Body<MemberChange>,
) -> Answer<web::Json<StaffMember>> {
    let body = body.read().await?;
    let MemberChange { role, division, disabled, password, email } = body.value;
    let password_hash = match password {
        Some(p) => Some(password::hash(p).await?),
        None => None,
    };
    let change = StaffChange {
        role,
        division: division.as_deref().map(|d| parse_division(Some(d))).transpose()?,
        disabled_at: disabled.map(|yes| yes.then(|| app.clock.now())),
        password_hash,
        email: match email {
            Some(Some(email)) => Some(Some(SealedEmail::of(&app.keys, *id, &email)?)),
            Some(None) => Some(None),
            None => None,
        },
    };
    let member = staff::change(&app, &me.actor(), *id, change).await?;
    StaffMember::of(&app.keys, member).map(web::Json)
}
