//! The meetings of a trace, found by the database.
//!
//! One statement a trace: it takes the case visits, looks at the in-scans that may have met one of them, and looks up by
//! index what ended each of these visits. The statements are `sql/trace_postgres.sql` and `sql/trace_sqlite.sql`; they
//! state the rules of [`mashang_domain::venue::visit`] and [`mashang_domain::trace::meeting`] once more, because moving
//! every scan of a city through this process would not do. A test compares both with the plain loops of
//! [`mashang_domain::trace::oracle`].
//!
//! On PostgreSQL the planner knows nothing of how many rows such a set comes to, so [`POSTGRES_TERMS`] leave it one plan:
//! a test pins it. It wants the three indexes of `scan` on (venue, time) and (person, time), and no default partition
//! (without one, partitions are in order, and the last scan before another is found without opening them all).

use std::collections::BTreeSet;

use mashang_domain::time::Timestamp;
use mashang_domain::trace::{
    CaseVisit, Meeting, MeetingKind, MeetingRow, Parameters, Span, TraceResult, contacts,
};
use mashang_domain::venue::visit::CLOSED_VISIT_MAX;
use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use serde_json::json;
use uuid::Uuid;

const POSTGRES: &str = include_str!("sql/trace_postgres.sql");
const SQLITE: &str = include_str!("sql/trace_sqlite.sql");

/// Settings of a PostgreSQL transaction that runs the statement. Compiling the expressions of a month of partitions takes
/// longer than running them. Scans are read by index and sets are joined by hashes: the planner takes a set of a hundred
/// thousand rows for one of a few hundred, and would sort it, or go through it again for every row.
pub const POSTGRES_TERMS: &str = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off";

/// Every meeting of these case visits, in no order, doubted visits included; the index persons are left out.
pub async fn meetings(
    db: &impl ConnectionTrait,
    case_visits: &[CaseVisit],
    params: &Parameters,
) -> Result<Vec<MeetingRow>, DbErr> {
    if case_visits.is_empty() {
        return Ok(Vec::new());
    }
    let rows = db.query_all_raw(statement(db.get_database_backend(), case_visits, params)?).await?;
    rows.iter().map(|row| meeting(row, case_visits)).collect()
}

/// The contacts of these case visits: [`meetings`], grouped and levelled.
pub async fn trace(
    db: &impl ConnectionTrait,
    case_visits: &[CaseVisit],
    params: &Parameters,
) -> Result<TraceResult, DbErr> {
    Ok(contacts(meetings(db, case_visits, params).await?, params))
}

/// The statement of [`meetings`] with its values bound, for whoever wants to see its plan.
pub fn statement(
    backend: DbBackend,
    case_visits: &[CaseVisit],
    params: &Parameters,
) -> Result<Statement, DbErr> {
    match backend {
        DbBackend::Postgres => {
            Ok(Statement::from_sql_and_values(backend, POSTGRES, postgres_values(case_visits, params)))
        }
        DbBackend::Sqlite => {
            Ok(Statement::from_sql_and_values(backend, SQLITE, sqlite_values(case_visits, params)))
        }
        other => Err(DbErr::BackendNotSupported { db: other.as_str(), ctx: "a trace" }),
    }
}

/// Values `$1..$12`: one array a column, as the statement's header says.
fn postgres_values(case_visits: &[CaseVisit], params: &Parameters) -> Vec<Value> {
    let ids = |of: fn(&CaseVisit) -> Uuid| array(ArrayType::Uuid, case_visits.iter().map(of));
    let millis = |of: fn(&CaseVisit) -> i64| array(ArrayType::BigInt, case_visits.iter().map(of));
    let from = case_visits.iter().map(|c| c.start.millis() - longest_visit(c) + 1).min().unwrap_or(0);
    let to = case_visits.iter().map(|c| c.end.millis() + c.after_ms).max().unwrap_or(0);
    let ended = to + case_visits.iter().map(longest_visit).max().unwrap_or(0);
    vec![
        array(ArrayType::Int, 0..case_visits.len() as i32),
        ids(|c| c.venue_id),
        ids(|c| c.zone_id.unwrap_or_default()),
        millis(|c| c.start.millis()),
        millis(|c| c.end.millis()),
        millis(|c| c.dwell_ms),
        millis(|c| c.after_ms),
        array(ArrayType::Uuid, index_persons(case_visits)),
        params.min_overlap_ms().into(),
        from.into(),
        to.into(),
        ended.into(),
    ]
}

fn array<T: Into<Value>>(kind: ArrayType, items: impl IntoIterator<Item = T>) -> Value {
    Value::Array(kind, Some(Box::new(items.into_iter().map(Into::into).collect())))
}

/// Values `?1..?3`: the case visits and index persons as JSON.
fn sqlite_values(case_visits: &[CaseVisit], params: &Parameters) -> Vec<Value> {
    let hex = |id: Uuid| id.simple().to_string();
    let visit = |(nr, c): (usize, &CaseVisit)| {
        let zone = c.zone_id.map(hex).unwrap_or_default();
        json!([nr, hex(c.venue_id), zone, c.start.millis(), c.end.millis(), c.dwell_ms, c.after_ms])
    };
    let visits: Vec<_> = case_visits.iter().enumerate().map(visit).collect();
    let persons: Vec<_> = index_persons(case_visits).into_iter().map(hex).collect();
    vec![json!(visits).to_string().into(), json!(persons).to_string().into(), params.min_overlap_ms().into()]
}

fn index_persons(case_visits: &[CaseVisit]) -> BTreeSet<Uuid> {
    case_visits.iter().filter_map(|c| c.person_id).collect()
}

/// How long before a case visit somebody may have come and still be there, in milliseconds.
fn longest_visit(case_visit: &CaseVisit) -> i64 {
    CLOSED_VISIT_MAX.max(case_visit.dwell_ms)
}

/// Columns: nr, person, scan, venue, zone, in, out, out_source, suspect, direct, millis.
fn meeting(row: &QueryResult, case_visits: &[CaseVisit]) -> Result<MeetingRow, DbErr> {
    let nr: i32 = row.try_get_by_index(0)?;
    let case = usize::try_from(nr).ok().and_then(|nr| case_visits.get(nr));
    let case = case.ok_or_else(|| DbErr::Type(format!("case visit {nr} was not asked for")))?;
    let source: String = row.try_get_by_index(7)?;
    let suspect: bool = row.try_get_by_index(8)?;
    let direct: bool = row.try_get_by_index(9)?;
    let meeting = Meeting {
        visit: Span { start: Timestamp(row.try_get_by_index(5)?), end: Timestamp(row.try_get_by_index(6)?) },
        venue_id: row.try_get_by_index(3)?,
        zone_id: row.try_get_by_index(4)?,
        scan_id: row.try_get_by_index(2)?,
        out_source: source.parse().map_err(|e| DbErr::Type(format!("out_source: {e}")))?,
        case: case.case,
        case_visit: case.span(),
        case_visit_id: case.visit_id,
        kind: if direct { MeetingKind::Direct } else { MeetingKind::After },
        millis: row.try_get_by_index(10)?,
        indoor: case.indoor,
        suspect: suspect || case.suspect,
    };
    Ok(MeetingRow { person_id: row.try_get_by_index(1)?, meeting })
}
