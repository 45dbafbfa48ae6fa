//! A person's own history of scans, as they see it.

use mashang_domain::time::Timestamp;
use mashang_domain::venue::{Direction, SuspectReason};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use uuid::Uuid;

use super::scan::{direction, parse};

/// A recorded scan, as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastScan {
    pub scan_id: Uuid,
    pub venue_id: Uuid,
    pub venue_name: String,
    pub zone_id: Option<Uuid>,
    pub zone_name: Option<String>,
    pub direction: Direction,
    pub at: Timestamp,
    pub client_at: Option<Timestamp>,
    pub companions: i16,
    pub suspect: Option<SuspectReason>,
}

/// A person's recorded scans, newest first, after the one at `after` (time and id).
pub async fn scans_of_person(
    db: &impl ConnectionTrait,
    person_id: Uuid,
    after: Option<(Timestamp, Uuid)>,
    limit: u64,
) -> Result<Vec<PastScan>, DbErr> {
    const SQL: &str = "\
        SELECT s.id, s.venue_id, coalesce(v.name, ''), s.zone_id, z.name, s.direction, s.at, s.client_at, \
               s.companions, s.suspect_reason \
        FROM scan AS s LEFT JOIN venue AS v ON v.id = s.venue_id LEFT JOIN zone AS z ON z.id = s.zone_id \
        WHERE s.person_id = $1 AND s.at <= $2 AND (s.at < $2 OR s.id < $3) AND NOT s.repeat \
        ORDER BY s.at DESC, s.id DESC LIMIT $4";
    let (at, id) = after.unwrap_or((Timestamp(i64::MAX), Uuid::max()));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [person_id.into(), at.millis().into(), id.into(), limit.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), SQL, values);
    db.query_all_raw(statement).await?.iter().map(past_scan).collect()
}

fn past_scan(row: &QueryResult) -> Result<PastScan, DbErr> {
    let reason: Option<String> = row.try_get_by_index(9)?;
    Ok(PastScan {
        scan_id: row.try_get_by_index(0)?,
        venue_id: row.try_get_by_index(1)?,
        venue_name: row.try_get_by_index(2)?,
        zone_id: row.try_get_by_index(3)?,
        zone_name: row.try_get_by_index(4)?,
        direction: direction(row, 5)?,
        at: Timestamp(row.try_get_by_index(6)?),
        client_at: row.try_get_by_index::<Option<i64>>(7)?.map(Timestamp),
        companions: row.try_get_by_index(8)?,
        suspect: reason.map(|word| parse("suspect_reason", &word)).transpose()?,
    })
}

/// The names of a venue and of a part of it, whatever their state.
pub async fn place_names(
    db: &impl ConnectionTrait,
    venue_id: Uuid,
    zone_id: Option<Uuid>,
) -> Result<(String, Option<String>), DbErr> {
    const SQL: &str = "\
        SELECT v.name, (SELECT z.name FROM zone AS z WHERE z.id = $2) FROM venue AS v WHERE v.id = $1";
    let values = [venue_id.into(), zone_id.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), SQL, values);
    let Some(row) = db.query_one_raw(statement).await? else { return Ok((String::new(), None)) };
    Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))
}
