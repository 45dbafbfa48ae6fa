//! How long each kind of data is kept, and what was deleted last.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use mashang_domain::protection::retention::{Kept, Personal, RetentionDays, TABLE};
use mashang_domain::time::Timestamp;
use mashang_infra::store::retention::days;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::retention;
use crate::error::Answer;
use crate::http::auth::{Staff, may};
use crate::http::context;
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show_retention).service(run_retention);
}

#[derive(Serialize, ToSchema)]
struct RetainedTable {
    table: &'static str,
    holds: &'static str,
    /// `yes`, `random_id` (the random id of a person and nothing else) or `no`.
    personal: &'static str,
    /// The setting that bounds it; null = until the operation ends, or for good.
    setting: Option<String>,
    days: Option<u32>,
    emptied_at_the_end: bool,
    why: &'static str,
    /// The job that deletes.
    job: &'static str,
}

impl RetainedTable {
    fn of(k: &'static Kept, days: &RetentionDays) -> Self {
        let lang = context::language();
        Self {
            table: k.table,
            holds: lang.pick(k.holds_zh, k.holds_en),
            personal: match k.personal {
                Personal::Yes => "yes",
                Personal::RandomId => "random_id",
                Personal::No => "no",
            },
            setting: k.rule.period().map(|p| format!("retention.{p}")),
            days: k.rule.period().map(|p| days.of(p)),
            emptied_at_the_end: k.rule.emptied_at_the_end(),
            why: lang.pick(k.why_zh, k.why_en),
            job: k.rule.job(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct RunView {
    finished_at: Timestamp,
    /// Rows deleted, by table.
    deleted: BTreeMap<String, u64>,
}

#[derive(Serialize, ToSchema)]
struct RetentionView {
    tables: Vec<RetainedTable>,
    last_run: Option<RunView>,
}

/// How long data is kept
#[utoipa::path(tag = "Audit", security(("bearer" = [])), responses(
    (status = 200, body = RetentionView), (status = 403, body = ProblemBody)))]
#[get("/retention")]
async fn show_retention(app: web::Data<App>, _me: Staff<may::ReadAudit>) -> Answer<web::Json<RetentionView>> {
    let last = retention::last_run(&app).await?;
    let days = days(&app.settings.retention);
    Ok(web::Json(RetentionView {
        tables: TABLE.iter().map(|k| RetainedTable::of(k, &days)).collect(),
        last_run: last.map(|r| RunView { finished_at: r.finished_at, deleted: r.deleted }),
    }))
}

/// Delete now what is too old
#[utoipa::path(tag = "Audit", security(("bearer" = [])), responses(
    (status = 200, body = RunView), (status = 403, body = ProblemBody)))]
#[post("/retention/run")]
async fn run_retention(app: web::Data<App>, me: Staff<may::ManageOperation>) -> Answer<web::Json<RunView>> {
    let counts = retention::run(&app, &me.actor()).await?;
    let deleted = counts.into_iter().map(|c| (c.table.to_owned(), c.deleted)).collect();
    Ok(web::Json(RunView { finished_at: app.clock.now(), deleted }))
}
