//! Who is at a venue now.

use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

/// How many people are at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Occupancy {
    pub people: u64,
    /// Companions that these people gave when they came.
    pub companions: u64,
}

/// Counts those who scanned in within the venue's usual stay (`dwell_ms`) and have neither scanned out there nor in
/// elsewhere since. Doubted scans and repeats do not count, but a doubted scan ends a visit like any other.
pub async fn occupancy(
    db: &impl ConnectionTrait,
    venue: Uuid,
    now: Timestamp,
    dwell_ms: i64,
) -> Result<Occupancy, DbErr> {
    const INSIDE: &str = "\
        SELECT COUNT(*), CAST(COALESCE(SUM(t.with_them), 0) AS bigint) FROM ( \
          SELECT s.person_id, MAX(s.companions) AS with_them FROM scan s \
          WHERE s.venue_id = $1 AND s.at > $2 AND s.at <= $3 AND s.direction = 'in' AND NOT s.repeat AND NOT s.suspect \
            AND NOT EXISTS (SELECT 1 FROM scan l WHERE l.person_id = s.person_id AND l.at > s.at AND l.at <= $3 \
              AND NOT l.repeat AND (l.direction = 'out') = (l.venue_id = s.venue_id)) \
          GROUP BY s.person_id) t";
    let since = now - dwell_ms;
    let values = [venue.into(), since.millis().into(), now.millis().into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), INSIDE, values);
    let Some(row) = db.query_one_raw(statement).await? else { return Ok(Occupancy::default()) };
    let count = |at: usize| row.try_get_by_index::<i64>(at).map(|n| u64::try_from(n).unwrap_or(0));
    Ok(Occupancy { people: count(0)?, companions: count(1)? })
}
