//! What scans tell: a person's own history, and how many are at a venue now.

use std::collections::{HashMap, HashSet};

use mashang_domain::time::Timestamp;
use mashang_domain::venue::{Direction, SuspectReason, visits};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use uuid::Uuid;

use super::scan::{direction, neighbours, parse};

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

/// Who is at a venue now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Occupancy {
    pub people: u64,
    /// Companions that these people gave when they came.
    pub companions: u64,
}

/// Who is at the venue at `now` by the rules of visits, `dwell_ms` being the venue's usual stay. Whoever came longer ago
/// and has not scanned out counts as gone. Doubted scans do not count.
pub async fn occupancy(
    db: &impl ConnectionTrait,
    venue_id: Uuid,
    now: Timestamp,
    dwell_ms: i64,
) -> Result<Occupancy, DbErr> {
    const CAME: &str = "\
        SELECT person_id, id, companions FROM scan \
        WHERE venue_id = $1 AND at > $2 AND at <= $3 AND direction = 'in' AND NOT repeat AND NOT suspect";
    let since = now - dwell_ms;
    let values = [venue_id.into(), since.millis().into(), now.millis().into()];
    let rows =
        db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), CAME, values)).await?;
    let mut companions: HashMap<Uuid, i16> = HashMap::new();
    let mut people = HashSet::new();
    for row in &rows {
        people.insert(row.try_get_by_index::<Uuid>(0)?);
        companions.insert(row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    }
    let people: Vec<Uuid> = people.into_iter().collect();
    let mut scans: HashMap<Uuid, Vec<_>> = HashMap::new();
    for there in neighbours(db, &people, since, now).await?.into_iter().filter(|n| !n.verdict.repeat) {
        scans.entry(there.person_id).or_default().push(there.sighting.point);
    }
    let mut found = Occupancy::default();
    for scans in scans.values() {
        let here = visits(scans, |_| dwell_ms).into_iter().filter(|v| {
            v.venue_id == venue_id && v.start <= now && now < v.end && companions.contains_key(&v.scan_id)
        });
        if let Some(with) = here.filter_map(|v| companions.get(&v.scan_id)).max() {
            found.people += 1;
            found.companions += u64::try_from(*with).unwrap_or(0);
        }
    }
    Ok(found)
}
