//! Import of venues from CSV, as it comes in.

use std::io;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, post, web};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::venue;
use crate::error::{Answer, Code, Problem};
use crate::http::auth::{Staff, may};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(import_venues);
}

#[derive(Serialize, ToSchema)]
struct RejectedLine {
    /// Counted from 1, the header included.
    line: u64,
    #[schema(example = "external_ref_taken")]
    code: String,
    detail: String,
}

#[derive(Serialize, ToSchema)]
struct ImportReport {
    created: u64,
    /// The first 10,000.
    rejected: Vec<RejectedLine>,
    rejected_total: u64,
}

/// Import venues
///
/// CSV in UTF-8 (with or without BOM) with a header: `name,category,division_code,address` and, optionally,
/// `contact_phone,lat,lon,indoor,external_ref`, in any order. Imported venues are approved. A line that is refused costs
/// no other line; an `external_ref` that exists is refused, so a file may be sent again.
#[utoipa::path(tag = "Venue", security(("bearer" = [])), request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, body = ImportReport), (status = 403, body = ProblemBody), (status = 413, body = ProblemBody),
    (status = 415, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/venues/imports")]
async fn import_venues(
    app: web::Data<App>,
    request: HttpRequest,
    official: Staff<may::CareForVenues>,
    body: Payload,
) -> Answer<web::Json<ImportReport>> {
    require_csv(&request)?;
    let limit = app.settings.http.max_import_bytes;
    if announced(&request).is_some_and(|n| n > limit) {
        return Err(too_large(limit));
    }
    let (give, chunks) = mpsc::channel(8);
    let (report, ()) = tokio::join!(venue::import(&app, &official, chunks), pump(body, limit, give));
    let report = report.map_err(|p| if p.code == Code::TooLarge { too_large(limit) } else { p })?;
    let line = |r: venue::Rejected| RejectedLine { line: r.line, code: r.code.to_owned(), detail: r.detail };
    Ok(web::Json(ImportReport {
        created: report.created,
        rejected: report.rejected.into_iter().map(line).collect(),
        rejected_total: report.rejected_total,
    }))
}

pub(super) fn require_csv(request: &HttpRequest) -> Answer<()> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    if kind.split(';').next().is_some_and(|k| k.trim().eq_ignore_ascii_case("text/csv")) {
        return Ok(());
    }
    Err(Problem::with_detail(Code::UnsupportedMediaType, "Content-Type: text/csv"))
}

pub(super) fn announced(request: &HttpRequest) -> Option<usize> {
    request.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

pub(super) fn too_large(limit: usize) -> Problem {
    Problem::with_detail(Code::TooLarge, format!("≤ {limit} bytes"))
}

/// Hands over what the connection brings, as fast as it is taken.
pub(super) async fn pump(mut body: Payload, limit: usize, give: mpsc::Sender<io::Result<Bytes>>) {
    let mut seen = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(io::Error::other);
        seen += chunk.as_ref().map_or(0, Bytes::len);
        let over = seen > limit;
        let chunk = if over { Err(io::ErrorKind::FileTooLarge.into()) } else { chunk };
        let failed = chunk.is_err();
        if give.send(chunk).await.is_err() || failed {
            return;
        }
    }
}
