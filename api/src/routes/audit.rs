//! The audit log: for auditors whole, for citizens what concerns them.

use actix_web::{get, web};
use data_encoding::HEXLOWER;
use mashang_domain::time::Timestamp;
use mashang_entity::audit as entity;
use mashang_infra::store::audit::Verdict;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::app::audit;
use crate::error::Answer;
use crate::http::auth::{Citizen, Staff, may};
use crate::http::page::{Page, PageQuery, cursor_number};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_audit).service(show_audit_head).service(verify_audit).service(list_my_accesses);
}

#[derive(Serialize, ToSchema)]
struct AuditEntry {
    seq: i64,
    at: Timestamp,
    actor_kind: String,
    actor_id: String,
    action: String,
    purpose: String,
    /// The person concerned, by their random id.
    subject: Option<Uuid>,
    object_kind: String,
    object_id: String,
    #[schema(value_type = Object)]
    detail: Value,
    /// SHA-256 of this entry and the hash before it, hexadecimal.
    hash: String,
}

impl From<entity::Model> for AuditEntry {
    fn from(e: entity::Model) -> Self {
        let hash = HEXLOWER.encode(&e.hash);
        let entity::Model { seq, at, actor_kind, actor_id, action, purpose, .. } = e;
        let entity::Model { subject, object_kind, object_id, detail, .. } = e;
        Self { seq, at, actor_kind, actor_id, action, purpose, subject, object_kind, object_id, detail, hash }
    }
}

/// The audit log, newest first
#[utoipa::path(tag = "Audit", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<AuditEntry>), (status = 403, body = ProblemBody)))]
#[get("/audit")]
async fn list_audit(
    app: web::Data<App>,
    _me: Staff<may::ReadAudit>,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<AuditEntry>>> {
    let limit = page.limit()?;
    let rows = audit::page(&app, page.after_number()?, limit + 1).await?;
    let items = rows.into_iter().map(AuditEntry::from).collect();
    Ok(web::Json(Page::of(items, limit, |e: &AuditEntry| cursor_number(e.seq))))
}

#[derive(Serialize, ToSchema)]
struct Head {
    seq: i64,
    /// SHA-256, hexadecimal.
    hash: String,
    at: Timestamp,
    /// Base64, Ed25519 over `mashang/audit-head/v1`, seq, hash and at in milliseconds, joined by line feeds.
    signature: String,
    public_key: String,
}

impl From<audit::SignedHead> for Head {
    fn from(h: audit::SignedHead) -> Self {
        let audit::SignedHead { seq, hash, at, signature, public_key } = h;
        Self { seq, hash, at, signature, public_key }
    }
}

/// The head of the audit log, signed
///
/// Keep it: a log that is cut or rewritten later no longer holds this entry.
#[utoipa::path(tag = "Audit", security(("bearer" = [])), responses(
    (status = 200, body = Head), (status = 403, body = ProblemBody)))]
#[get("/audit/head")]
async fn show_audit_head(app: web::Data<App>, _me: Staff<may::ReadAudit>) -> Answer<web::Json<Head>> {
    Ok(web::Json(audit::head(&app).await?.into()))
}

#[derive(Serialize, ToSchema)]
struct Verification {
    intact: bool,
    /// Entries that were checked, when all are whole.
    entries: Option<i64>,
    /// The first entry that is not what was appended.
    first_bad_seq: Option<i64>,
    reason: Option<String>,
    head: Head,
}

/// Check the whole audit log
#[utoipa::path(tag = "Audit", security(("bearer" = [])), responses(
    (status = 200, body = Verification), (status = 403, body = ProblemBody)))]
#[get("/audit/verification")]
async fn verify_audit(app: web::Data<App>, _me: Staff<may::ReadAudit>) -> Answer<web::Json<Verification>> {
    let head = audit::head(&app).await?.into();
    Ok(web::Json(match audit::verify(&app).await? {
        Verdict::Intact { entries, .. } => {
            Verification { intact: true, entries: Some(entries), first_bad_seq: None, reason: None, head }
        }
        Verdict::Broken { seq, reason } => Verification {
            intact: false,
            entries: None,
            first_bad_seq: Some(seq),
            reason: Some(reason.to_owned()),
            head,
        },
    }))
}

#[derive(Serialize, ToSchema)]
struct AccessView {
    #[serde(skip)]
    seq: i64,
    at: Timestamp,
    /// `citizen` (yourself), a role of staff, or `system`.
    office: String,
    /// Division of the office (GB/T 2260 prefix); empty = everywhere.
    division: Option<String>,
    purpose: String,
    action: String,
}

/// Who looked at my data
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<AccessView>), (status = 401, body = ProblemBody)))]
#[get("/me/accesses")]
async fn list_my_accesses(
    app: web::Data<App>,
    me: Citizen,
    page: web::Query<PageQuery>,
) -> Answer<web::Json<Page<AccessView>>> {
    let limit = page.limit()?;
    let rows = audit::accesses(&app, me.person_id, page.after_number()?, limit + 1).await?;
    let view = |a: audit::Access| {
        let audit::Access { seq, at, office, division, purpose, action } = a;
        AccessView { seq, at, office, division, purpose, action }
    };
    let items = rows.into_iter().map(view).collect();
    Ok(web::Json(Page::of(items, limit, |a: &AccessView| cursor_number(a.seq))))
}
