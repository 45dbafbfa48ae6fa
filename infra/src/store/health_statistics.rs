//! Counts of a division, one statement each; nobody stands in them. Days are those of Asia/Shanghai.

use mashang_domain::health::{ChangeKind, Colour};
use mashang_domain::person::Division;
use mashang_domain::time::{DAY, HOUR, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::statement::Raw;

/// What is asked for: a division, and the days `[from, until)` by the instants at which they begin.
#[derive(Debug, Clone)]
pub struct Span {
    pub division: Division,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// The day of an instant, as tables keep days.
fn day(of: &str) -> String {
    format!("(({of} + {}) / {DAY})", 8 * HOUR)
}

/// The part of a division code that names the division one level below `division`.
fn below(division: &Division) -> String {
    let known = division.prefix().len();
    let level = [2, 4, 6, 9, 12].into_iter().find(|level| *level > known).unwrap_or(12);
    format!("substr(division_code, 1, {level})")
}

/// A day, and how often something happened on it.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct OfDay {
    pub day: i64,
    pub n: i64,
}

/// People of a division, by colour.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct People {
    pub division: String,
    pub colour: Colour,
    pub n: i64,
}

/// People by colour, and by division one level below.
pub async fn people(db: &impl ConnectionTrait, division: &Division) -> Result<Vec<People>, DbErr> {
    let part = below(division);
    let raw = Raw::new(db, &format!("SELECT {part} AS division, colour, count(*) AS n FROM health WHERE "));
    let raw = raw.within("division_code", division).sql(" GROUP BY 1, 2 ORDER BY 1, 2");
    People::find_by_statement(raw.done()).all(db).await
}

/// How often a colour, or a count of days, changed for a reason.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Changes {
    pub day: i64,
    pub from_colour: Colour,
    pub to_colour: Colour,
    pub reason: String,
    pub n: i64,
}

/// Changes by day, colours and reason.
pub async fn changes(db: &impl ConnectionTrait, span: &Span) -> Result<Vec<Changes>, DbErr> {
    let head = format!(
        "SELECT {} AS day, from_colour, to_colour, reason, count(*) AS n FROM health_change WHERE at >= ",
        day("at")
    );
    let raw = Raw::new(db, &head).bind(span.from).sql(" AND at < ").bind(span.until).sql(" AND ");
    let raw = raw.within("division_code", &span.division);
    let raw = raw.sql(" GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4");
    Changes::find_by_statement(raw.done()).all(db).await
}

/// How many colours officials changed by hand.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct ByHand {
    pub day: i64,
    pub division: String,
    pub n: i64,
}

/// Changes by hand, by day and by division one level below.
pub async fn by_hand(db: &impl ConnectionTrait, span: &Span) -> Result<Vec<ByHand>, DbErr> {
    let head = format!(
        "SELECT {} AS day, {} AS division, count(*) AS n FROM health_change WHERE kind = '{}' AND at >= ",
        day("at"),
        below(&span.division),
        ChangeKind::Manual
    );
    let raw = Raw::new(db, &head).bind(span.from).sql(" AND at < ").bind(span.until).sql(" AND ");
    let raw = raw.within("division_code", &span.division).sql(" GROUP BY 1, 2 ORDER BY 1, 2");
    ByHand::find_by_statement(raw.done()).all(db).await
}

/// What became of appeals on a day: `filed`, `overdue` or how they ended.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Appeals {
    pub day: i64,
    pub what: String,
    pub n: i64,
}

/// Appeals by the day on which they were filed, ended, or passed their time undecided.
pub async fn appeals(db: &impl ConnectionTrait, span: &Span, now: Timestamp) -> Result<Vec<Appeals>, DbErr> {
    let part = |raw: Raw, what: &str, at: &str| {
        let raw = raw.sql(&format!("SELECT {} AS day, {what} AS what FROM appeal WHERE {at} >= ", day(at)));
        let raw = raw.bind(span.from).sql(&format!(" AND {at} < ")).bind(span.until).sql(" AND ");
        raw.within("division_code", &span.division)
    };
    let raw = Raw::new(db, "SELECT day, what, count(*) AS n FROM (");
    let raw = part(raw, "'filed'", "filed_at").sql(" UNION ALL ");
    let raw = part(raw, "state", "decided_at").sql(" UNION ALL ");
    let raw = part(raw, "'overdue'", "due_at").sql(" AND due_at < ").bind(now);
    let raw = raw.sql(" AND (decided_at IS NULL OR decided_at > due_at)) a GROUP BY 1, 2 ORDER BY 1, 2");
    Appeals::find_by_statement(raw.done()).all(db).await
}

/// Daily reports by day.
pub async fn check_ins(db: &impl ConnectionTrait, span: &Span) -> Result<Vec<OfDay>, DbErr> {
    let number = |at: Timestamp| i64::from(mashang_domain::time::day_number(at.shanghai_day()));
    let raw = Raw::new(
        db,
        "SELECT CAST(c.day AS bigint) AS day, count(*) AS n FROM check_in c JOIN health h ON h.person_id = c.person_id WHERE c.day >= ",
    );
    let raw = raw.bind(number(span.from)).sql(" AND c.day < ").bind(number(span.until)).sql(" AND ");
    let raw = raw.within("h.division_code", &span.division).sql(" GROUP BY 1 ORDER BY 1");
    OfDay::find_by_statement(raw.done()).all(db).await
}
