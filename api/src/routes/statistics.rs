//! Figures of the health code: counts of a division, nobody in them.

use actix_web::{HttpResponse, get, web};
use chrono::NaiveDate;
use futures_util::StreamExt;
use mashang_domain::person::Division;
use mashang_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::health::statistics::{Cell, Count, Part, Question, column_of, columns, part, table};
use crate::error::{Answer, Problem};
use crate::http::auth::{Staff, may};
use crate::http::server::ProblemBody;
use crate::state::App;

pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(count_colours).service(colours_table);
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FiguresQuery {
    /// A division inside the own one, 6, 9 or 12 digits; the own one when absent.
    #[param(example = "530100")]
    division: Option<String>,
    /// The first day (Asia/Shanghai); six days before `until` when absent.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; today when absent. At most 31 days.
    #[param(format = Date)]
    until: Option<String>,
}

fn question(app: &App, me: &Staff<may::ReadHealthStatistics>, query: &FiguresQuery) -> Answer<Question> {
    let day = |field: &'static str, text: &Option<String>| -> Answer<Option<NaiveDate>> {
        let parse = |text: &String| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
            day.filter(|day| day.to_string() == *text)
                .ok_or_else(|| Problem::field(field, "invalid", "a day such as 2020-02-12"))
        };
        text.as_ref().map(parse).transpose()
    };
    let division = match query.division.as_deref() {
        None => me.division.clone(),
        Some(code) => {
            let invalid = |e: mashang_domain::person::role::DivisionError| {
                Problem::field("division", "invalid", e.to_string())
            };
            let division = Division::parse_scope(code).map_err(invalid)?;
            me.require_division(division.prefix())?;
            division
        }
    };
    Question::new(app, division, day("from", &query.from)?, day("until", &query.until)?)
}

/// People of a division by the colour of their code.
#[derive(Serialize, ToSchema)]
struct PeopleRow {
    division: String,
    grey: Cell,
    green: Cell,
    yellow: Cell,
    red: Cell,
}

#[derive(Serialize, ToSchema)]
struct ChangesRow {
    day: String,
    from: String,
    to: String,
    reason: String,
    count: Cell,
}

#[derive(Serialize, ToSchema)]
struct ByHandRow {
    day: String,
    division: String,
    count: Cell,
}

#[derive(Serialize, ToSchema)]
struct AppealsRow {
    day: String,
    filed: Cell,
    granted: Cell,
    rejected: Cell,
    withdrawn: Cell,
    /// Passed their time undecided on this day.
    overdue: Cell,
}

#[derive(Serialize, ToSchema)]
struct CheckInsRow {
    day: String,
    count: Cell,
}

/// Counts of a division. `null` hides a count of one to four.
#[derive(Serialize, ToSchema)]
struct Figures {
    division: String,
    from: String,
    until: String,
    as_of: Timestamp,
    /// At present, by the divisions one level below.
    people: Vec<PeopleRow>,
    changes: Vec<ChangesRow>,
    /// Colours that officials changed by hand, by the divisions one level below.
    by_hand: Vec<ByHandRow>,
    appeals: Vec<AppealsRow>,
    check_ins: Vec<CheckInsRow>,
}

const APPEALS: [&str; 5] = ["filed", "granted", "rejected", "withdrawn", "overdue"];

fn people(counts: Vec<Count>) -> Vec<PeopleRow> {
    let rows = columns::<4>(counts, |c| c.division.clone(), |c| column_of(&c.to));
    let row = |(division, [grey, green, yellow, red]): (String, [Cell; 4])| PeopleRow {
        division,
        grey,
        green,
        yellow,
        red,
    };
    rows.into_iter().map(row).collect()
}

fn appeals(counts: Vec<Count>) -> Vec<AppealsRow> {
    let column = |c: &Count| APPEALS.iter().position(|word| *word == c.reason);
    let rows = columns::<5>(counts, |c| c.day.clone(), column);
    let row = |(day, [filed, granted, rejected, withdrawn, overdue]): (String, [Cell; 5])| AppealsRow {
        day,
        filed,
        granted,
        rejected,
        withdrawn,
        overdue,
    };
    rows.into_iter().map(row).collect()
}

/// Colours of a division
///
/// People at present, changes by day and reason, changes by hand, appeals, check-ins. Counts of one to four are `null`, and
/// where one alone would be, the next smallest goes with it; there are no totals to compute it from.
#[utoipa::path(tag = "Statistics", security(("bearer" = [])), params(FiguresQuery), responses(
    (status = 200, body = Figures), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
#[get("/statistics/colours")]
async fn count_colours(
    app: web::Data<App>,
    me: Staff<may::ReadHealthStatistics>,
    query: web::Query<FiguresQuery>,
) -> Answer<web::Json<Figures>> {
    let question = question(&app, &me, &query)?;
    let changes = part(&app, &question, Part::Changes).await?.into_iter();
    let by_hand = part(&app, &question, Part::ByHand).await?.into_iter();
    let check_ins = part(&app, &question, Part::CheckIns).await?.into_iter();
    Ok(web::Json(Figures {
        division: question.division.code(),
        from: question.from.to_string(),
        until: question.until.to_string(),
        as_of: app.clock.now(),
        people: people(part(&app, &question, Part::People).await?),
        changes: changes
            .map(|c| ChangesRow { day: c.day, from: c.from, to: c.to, reason: c.reason, count: c.n })
            .collect(),
        by_hand: by_hand.map(|c| ByHandRow { day: c.day, division: c.division, count: c.n }).collect(),
        appeals: appeals(part(&app, &question, Part::Appeals).await?),
        check_ins: check_ins.map(|c| CheckInsRow { day: c.day, count: c.n }).collect(),
    }))
}

/// The same for a spreadsheet
///
/// Streamed. `<5` hides a count of one to four. A cell that a spreadsheet would execute gets a leading apostrophe.
#[utoipa::path(tag = "Statistics", security(("bearer" = [])), params(FiguresQuery), responses(
    (status = 200, content_type = "text/csv", body = String), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[get("/statistics/colours.csv")]
async fn colours_table(
    app: web::Data<App>,
    me: Staff<may::ReadHealthStatistics>,
    query: web::Query<FiguresQuery>,
) -> Answer<HttpResponse> {
    let question = question(&app, &me, &query)?;
    let name = format!("colours-{}-{}.csv", question.division.code(), question.until);
    let rows = table(&app, question);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{name}\"")))
        .streaming(Box::pin(rows.map(|chunk| chunk.map(web::Bytes::from)))))
}
