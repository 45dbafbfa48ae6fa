//! The integrity record: declarations that official lists contradict.

use actix_web::{get, web};
use mashang_domain::health::IntegrityKind;
use mashang_domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::case::office;
use crate::app::records::show::{self, Entry, OwnEntry};
use crate::error::Answer;
use crate::http::auth::{Citizen, Staff, may};
use crate::http::context;
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_integrity_records).service(list_my_integrity_records);
}

#[derive(Serialize, ToSchema)]
struct IntegrityRecord {
    id: Uuid,
    person_id: Uuid,
    #[schema(example = "138****8000")]
    phone_masked: Option<String>,
    division_code: String,
    #[schema(inline)]
    kind: IntegrityKind,
    /// The entry that this one lifts.
    refers_to: Option<Uuid>,
    rule: String,
    declaration_id: Option<Uuid>,
    /// The entry of a list that contradicts the declaration.
    evidence: Uuid,
    at: Timestamp,
}

fn shown(entry: Entry) -> IntegrityRecord {
    let Entry { row, phone } = entry;
    IntegrityRecord {
        id: row.id,
        person_id: row.person_id,
        phone_masked: phone,
        division_code: row.division_code,
        kind: row.kind,
        refers_to: row.refers_to,
        rule: row.rule,
        declaration_id: row.declaration_id,
        evidence: row.evidence,
        at: row.at,
    }
}

/// False declarations of the own division, newest first
#[utoipa::path(tag = "Health records", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<IntegrityRecord>), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/integrity-records")]
async fn list_integrity_records(
    app: web::Data<App>,
    official: Staff<may::KeepHealthRecords>,
    query: web::Query<PageQuery>,
) -> Answer<web::Json<Page<IntegrityRecord>>> {
    let limit = query.limit()?;
    let entries = show::integrity(&app, &office(&official), query.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(entries.into_iter().map(shown).collect(), limit, |r| cursor(r.id))))
}

#[derive(Serialize, ToSchema)]
struct OwnIntegrityRecord {
    id: Uuid,
    #[schema(inline)]
    kind: IntegrityKind,
    /// The entry that this one lifts.
    refers_to: Option<Uuid>,
    rule: String,
    /// None of a rule that is no longer in force.
    text: Option<String>,
    at: Timestamp,
}

fn own(entry: OwnEntry) -> OwnIntegrityRecord {
    let text = entry.text.map(|(zh, en)| context::language().pick(&zh, &en).to_owned());
    let OwnEntry { id, kind, refers_to, rule, at, .. } = entry;
    OwnIntegrityRecord { id, kind, refers_to, rule, text, at }
}

/// What the integrity record says of me, newest first
#[utoipa::path(tag = "Citizen", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<OwnIntegrityRecord>), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/me/integrity-records")]
async fn list_my_integrity_records(
    app: web::Data<App>,
    citizen: Citizen,
    query: web::Query<PageQuery>,
) -> Answer<web::Json<Page<OwnIntegrityRecord>>> {
    let limit = query.limit()?;
    let entries = show::own(&app, citizen.person_id, query.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(entries.into_iter().map(own).collect(), limit, |r| cursor(r.id))))
}
