//! Reports of an alert: every delivery for a spreadsheet, and a few pages to file.

use actix_web::{HttpResponse, get, web};
use futures_util::StreamExt;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::case::office;
use crate::app::alert::{report, report_pdf};
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::server::ProblemBody;
use crate::render::Language;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(alert_report).service(alert_report_pdf);
}

/// The deliveries of an alert for a spreadsheet
///
/// Streamed. A cell that a spreadsheet would execute gets a leading apostrophe. People are named by their random id.
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), responses(
    (status = 200, content_type = "text/csv", body = String), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
#[get("/alerts/{id}/report.csv")]
async fn alert_report(
    app: web::Data<App>,
    me: Staff<may::ReadAlerts>,
    id: web::Path<Uuid>,
) -> Answer<HttpResponse> {
    let table = report::table(&app, &office(&me), *id).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("Content-Disposition", format!("attachment; filename=\"alert-{}.csv\"", *id)))
        .streaming(Box::pin(table.map(|chunk| chunk.map(web::Bytes::from)))))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// `both` when absent: Chinese first, English second.
    #[param(inline)]
    lang: Option<Language>,
}

/// The report of an alert to print and to file
///
/// Who drafted and approved it and when, people by level, messages by channel and state, reasons of what did not arrive,
/// the texts. It names no citizen.
#[utoipa::path(tag = "Alerts", security(("bearer" = [])), params(("id" = Uuid, Path), ReportQuery), responses(
    (status = 200, content_type = "application/pdf", body = Vec<u8>), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[get("/alerts/{id}/report.pdf")]
async fn alert_report_pdf(
    app: web::Data<App>,
    me: Staff<may::ReadAlerts>,
    id: web::Path<Uuid>,
    query: web::Query<ReportQuery>,
) -> Answer<HttpResponse> {
    let language = query.lang.unwrap_or(Language::Both);
    let pdf = report_pdf::pdf(&app, &office(&me), *id, language).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header(("Content-Disposition", format!("attachment; filename=\"alert-{}.pdf\"", *id)))
        .body(pdf))
}
