//! One person's own visits: what an official sees of a case before the trace, and the person of themself.

use std::collections::HashMap;
use std::sync::Arc;

use mashang_domain::time::Timestamp;
use mashang_domain::trace::Span;
use mashang_domain::venue::visit::CLOSED_VISIT_MAX;
use mashang_domain::venue::{Category, ScanPoint, Visit, visits};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use uuid::Uuid;

/// From the longest visit before the window on, and without an end: an out-scan closes a visit however late. Retention
/// bounds it; a person has some hundred scans.
const SCANS: &str = "\
    select s.id, s.venue_id, s.zone_id, s.direction, s.at, s.suspect, v.external_ref, v.category \
    from scan as s left join venue as v on v.id = s.venue_id \
    where s.person_id = $1 and s.at > $2 and not s.repeat";

/// A visit of a person, not cut, and the category of its venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnVisit {
    pub visit: Visit,
    pub category: Category,
}

/// The visits of a person that have a part in the window, in the order of their in-scans, not cut and none empty.
/// `dwell_ms` is the usual stay of a category, in milliseconds. A venue of an unknown category counts as `other`.
pub async fn own_visits(
    db: &impl ConnectionTrait,
    person_id: Uuid,
    window: Span,
    dwell_ms: impl Fn(Category) -> i64,
) -> Result<Vec<OwnVisit>, DbErr> {
    let longest = Category::ALL.iter().map(|c| dwell_ms(*c)).fold(CLOSED_VISIT_MAX, i64::max);
    let from = window.start - longest;
    let values = [person_id.into(), from.millis().into()];
    let rows =
        db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), SCANS, values)).await?;
    let mut categories = HashMap::new();
    let mut scans = Vec::with_capacity(rows.len());
    for row in &rows {
        let scan = scan_point(row)?;
        let category: Option<String> = row.try_get_by_index(7)?;
        categories
            .entry(scan.venue_id)
            .or_insert_with(|| category.and_then(|word| word.parse().ok()).unwrap_or(Category::Other));
        scans.push(scan);
    }
    let category = |venue: &Uuid| categories.get(venue).copied().unwrap_or(Category::Other);
    let all = visits(&scans, |venue| dwell_ms(category(venue)));
    let within = |v: &Visit| v.start < v.end && v.start < window.end && v.end > window.start;
    let own = |visit: Visit| OwnVisit { category: category(&visit.venue_id), visit };
    Ok(all.into_iter().filter(within).map(own).collect())
}

fn scan_point(row: &QueryResult) -> Result<ScanPoint, DbErr> {
    let venue_id: Uuid = row.try_get_by_index(1)?;
    let direction: String = row.try_get_by_index(3)?;
    let external_ref: Option<String> = row.try_get_by_index(6)?;
    Ok(ScanPoint {
        id: row.try_get_by_index(0)?,
        venue_id,
        zone_id: row.try_get_by_index(2)?,
        venue_ref: Arc::from(external_ref.unwrap_or_else(|| venue_id.to_string())),
        direction: direction.parse().map_err(|e| DbErr::Type(format!("direction: {e}")))?,
        at: Timestamp(row.try_get_by_index(4)?),
        suspect: row.try_get_by_index(5)?,
    })
}
