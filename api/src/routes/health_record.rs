//! Official lists: import, look, take back.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use chrono::NaiveDate;
use mashang_domain::health::{ListKind, RecordKind};
use mashang_domain::person::IdentityKind;
use mashang_domain::time::{Timestamp, day_of_number};
use mashang_entity::{health_import, key_area};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::case::office;
use super::venue_import::{announced, pump, require_csv, too_large};
use crate::app::records::show::{self, Masked, Part};
use crate::app::records::{self, ImportOrder, Rejected};
use crate::error::{Answer, Code};
use crate::http::auth::{Staff, may};
use crate::http::page::{Page, PageQuery, cursor};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(import_health_records)
        .service(list_health_imports)
        .service(list_health_records)
        .service(withdraw_health_record);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    #[param(inline)]
    kind: ListKind,
    /// Does everything but write.
    #[serde(default)]
    dry_run: bool,
    /// Whose list it is; the whole of the own division where it is not said.
    division: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct RejectedRecord {
    /// Counted from 1, the header included.
    line: u64,
    #[schema(example = "identity_invalid")]
    code: String,
    /// Never holds a number or a name.
    detail: String,
}

#[derive(Serialize, ToSchema)]
struct RecordImportReport {
    /// None of a dry run.
    import_id: Option<Uuid>,
    dry_run: bool,
    /// `utf-8`, `utf-8-bom` or `gb18030` (GBK among it).
    encoding: String,
    created: u64,
    /// Known before, with another last day.
    updated: u64,
    /// Known before: the same list, document, number and day.
    duplicates: u64,
    /// People and entries that fit each other for the first time.
    matched: u64,
    /// Declarations that turned out to be false.
    contradicted: u64,
    /// The first 10,000.
    rejected: Vec<RejectedRecord>,
    rejected_total: u64,
}

/// Import an official list
///
/// CSV in UTF-8 (with or without BOM), GBK or GB18030, with a header. Lists of people: `day` and `id_number` or `phone` or
/// both, and, optionally, `id_type` (our word, the code of CV02.01.101 or the Chinese name; a resident card where it is
/// empty), `name` and, of quarantines, `ends_on`. Key areas (`key_area_list`): `division,from_day` and, optionally,
/// `until_day`. Columns in any order, Chinese names too. A line that is refused costs no other line, and a file may be
/// sent again. Whoever an entry fits, by the document they declared or by their number, is coloured at once.
#[utoipa::path(tag = "Health records", security(("bearer" = [])), params(ImportQuery),
    request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, body = RecordImportReport), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 413, body = ProblemBody), (status = 415, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/health-records/imports")]
async fn import_health_records(
    app: web::Data<App>,
    request: HttpRequest,
    official: Staff<may::KeepHealthRecords>,
    query: web::Query<ImportQuery>,
    body: Payload,
) -> Answer<web::Json<RecordImportReport>> {
    require_csv(&request)?;
    let limit = app.settings.http.max_import_bytes;
    if announced(&request).is_some_and(|n| n > limit) {
        return Err(too_large(limit));
    }
    let ImportQuery { kind, dry_run, division } = query.into_inner();
    let (give, chunks) = mpsc::channel(8);
    let (office, order) = (office(&official), ImportOrder { kind, dry_run, division });
    let (report, ()) = tokio::join!(records::import(&app, &office, order, chunks), pump(body, limit, give));
    let report = report.map_err(|p| if p.code == Code::TooLarge { too_large(limit) } else { p })?;
    let line = |r: Rejected| RejectedRecord { line: r.line, code: r.code.to_owned(), detail: r.detail };
    Ok(web::Json(RecordImportReport {
        import_id: report.import_id,
        dry_run,
        encoding: report.encoding.to_owned(),
        created: report.created,
        updated: report.updated,
        duplicates: report.duplicates,
        matched: report.matched,
        contradicted: report.contradicted,
        rejected: report.rejected.into_iter().map(line).collect(),
        rejected_total: report.rejected_total,
    }))
}

/// A file, and what came of it.
#[derive(Serialize, ToSchema)]
struct HealthImport {
    id: Uuid,
    #[schema(inline)]
    kind: ListKind,
    division_code: String,
    encoding: Option<String>,
    created: i64,
    updated: i64,
    duplicates: i64,
    matched: i64,
    contradicted: i64,
    rejected: i64,
    created_by: Uuid,
    created_at: Timestamp,
    /// None where the upload broke off: sent again, it goes on.
    finished_at: Option<Timestamp>,
}

fn file(row: health_import::Model) -> HealthImport {
    HealthImport {
        id: row.id,
        kind: row.kind,
        division_code: row.division_code,
        encoding: row.encoding,
        created: row.created,
        updated: row.updated,
        duplicates: row.duplicates,
        matched: row.matched,
        contradicted: row.contradicted,
        rejected: row.rejected,
        created_by: row.created_by,
        created_at: row.created_at,
        finished_at: row.finished_at,
    }
}

/// Files of official lists, newest first
#[utoipa::path(tag = "Health records", security(("bearer" = [])), params(PageQuery), responses(
    (status = 200, body = Page<HealthImport>), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/health-records/imports")]
async fn list_health_imports(
    app: web::Data<App>,
    official: Staff<may::KeepHealthRecords>,
    query: web::Query<PageQuery>,
) -> Answer<web::Json<Page<HealthImport>>> {
    let limit = query.limit()?;
    let rows = show::files(&app, &office(&official), query.after_id()?, limit + 1).await?;
    Ok(web::Json(Page::of(rows.into_iter().map(file).collect(), limit, |f| cursor(f.id))))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct RecordQuery {
    /// All lists of people where it is not said.
    #[param(inline)]
    kind: Option<ListKind>,
    /// Entries that came with this file.
    import_id: Option<Uuid>,
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// An entry of a list, masked. Of a key area: `area`, `day` its first day and `ends_on` its last.
#[derive(Serialize, ToSchema)]
struct HealthRecord {
    id: Uuid,
    import_id: Uuid,
    #[schema(inline)]
    kind: ListKind,
    division_code: String,
    #[schema(inline)]
    id_type: Option<IdentityKind>,
    #[schema(example = "11****2X")]
    id_number_masked: Option<String>,
    #[schema(example = "138****8000")]
    phone_masked: Option<String>,
    #[schema(example = "王*")]
    name_masked: Option<String>,
    area: Option<String>,
    day: NaiveDate,
    ends_on: Option<NaiveDate>,
    /// When the end of a quarantine was applied.
    completed_at: Option<Timestamp>,
    created_at: Timestamp,
    withdrawn_at: Option<Timestamp>,
}

fn person(masked: Masked) -> HealthRecord {
    let Masked { row, id_type, id_number, phone, name } = masked;
    HealthRecord {
        id: row.id,
        import_id: row.import_id,
        kind: match row.kind {
            RecordKind::Confirmed => ListKind::Confirmed,
            RecordKind::CloseContact => ListKind::CloseContact,
            RecordKind::KeyArea => ListKind::KeyArea,
            RecordKind::Quarantine => ListKind::Quarantine,
        },
        division_code: row.division_code,
        id_type,
        id_number_masked: id_number,
        phone_masked: phone,
        name_masked: (!name.is_empty()).then_some(name),
        area: None,
        day: day_of_number(row.day),
        ends_on: row.ends_on.map(day_of_number),
        completed_at: row.completed_at,
        created_at: row.created_at,
        withdrawn_at: row.withdrawn_at,
    }
}

fn area(row: key_area::Model) -> HealthRecord {
    HealthRecord {
        id: row.id,
        import_id: row.import_id,
        kind: ListKind::KeyAreaList,
        division_code: row.division_code,
        id_type: None,
        id_number_masked: None,
        phone_masked: None,
        name_masked: None,
        area: Some(row.area),
        day: day_of_number(row.from_day),
        ends_on: row.until_day.map(day_of_number),
        completed_at: None,
        created_at: row.created_at,
        withdrawn_at: row.withdrawn_at,
    }
}

/// Entries of official lists, newest first
///
/// Every look is recorded; those whom an entry fits can see it.
#[utoipa::path(tag = "Health records", security(("bearer" = [])), params(RecordQuery), responses(
    (status = 200, body = Page<HealthRecord>), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[get("/health-records")]
async fn list_health_records(
    app: web::Data<App>,
    official: Staff<may::KeepHealthRecords>,
    query: web::Query<RecordQuery>,
) -> Answer<web::Json<Page<HealthRecord>>> {
    let RecordQuery { kind, import_id, limit, after } = query.into_inner();
    let page = PageQuery { limit, after };
    let (limit, office) = (page.limit()?, office(&official));
    let part = Part { import: import_id, before: page.after_id()?, limit: limit + 1 };
    let items = if kind == Some(ListKind::KeyAreaList) {
        show::key_areas(&app, &office, &part).await?.into_iter().map(area).collect()
    } else {
        let kind = kind.and_then(ListKind::of_people);
        show::listed(&app, &office, kind, &part).await?.into_iter().map(person).collect()
    };
    Ok(web::Json(Page::of(items, limit, |r: &HealthRecord| cursor(r.id))))
}

/// Take an entry back
///
/// It was wrong: it fits nobody from now on, what came of it is looked at again, and entries of the integrity record that
/// rest on it are lifted.
#[utoipa::path(tag = "Health records", security(("bearer" = [])), responses(
    (status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
#[delete("/health-records/{id}")]
async fn withdraw_health_record(
    app: web::Data<App>,
    official: Staff<may::KeepHealthRecords>,
    id: web::Path<Uuid>,
) -> Answer<HttpResponse> {
    records::withdraw(&app, &office(&official), *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
