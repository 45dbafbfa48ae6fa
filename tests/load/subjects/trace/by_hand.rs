//! What somebody who knows SQL would type, without an application: the question, asked of the scans.

use mashang_domain::time::Timestamp;
use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, DatabaseConnection, Value};
use uuid::Uuid;

use super::{DWELL, WINDOW};

/// A visit of the case.
#[derive(Debug, Clone, Copy)]
pub struct Stay {
    pub venue: Uuid,
    pub start: Timestamp,
    pub end: Timestamp,
}

/// Who came to the place in question from the usual stay before the case to the end of the after-window. Nobody's
/// leaving counts: whoever has left before the case came is in the list too.
pub const WHO_CAME: &str = "\
    WITH c AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int8[]) AS c (venue_id, start_at, end_at)) \
    SELECT s.person_id, min(s.at), count(*) FROM c CROSS JOIN LATERAL ( \
        SELECT person_id, at FROM scan WHERE scan.venue_id = c.venue_id AND scan.direction = 'in' AND NOT scan.repeat \
            AND scan.at > c.start_at - $4 AND scan.at < c.end_at + $5 AND scan.at >= $6 AND scan.at < $7 OFFSET 0) AS s \
    GROUP BY s.person_id";

/// The same, and each one's next scan within the usual stay, which ends the visit: who was still there. Of people who
/// stay longer than usual and scan out at last it knows nothing, nor of meetings, levels and gaps.
pub const WHO_WAS_THERE: &str = "\
    WITH c AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int8[]) AS c (venue_id, start_at, end_at)) \
    SELECT s.person_id, min(s.at), max(coalesce(n.at, s.at + $4)) FROM c CROSS JOIN LATERAL ( \
        SELECT person_id, at FROM scan WHERE scan.venue_id = c.venue_id AND scan.direction = 'in' AND NOT scan.repeat \
            AND scan.at > c.start_at - $4 AND scan.at < c.end_at + $5 AND scan.at >= $6 AND scan.at < $7 OFFSET 0) AS s \
    LEFT JOIN LATERAL (SELECT at FROM scan WHERE scan.person_id = s.person_id AND scan.at > s.at AND scan.at < s.at + $4 \
        AND scan.at >= $6 AND NOT scan.repeat ORDER BY at LIMIT 1) AS n ON true \
    WHERE coalesce(n.at, s.at + $4) > c.start_at GROUP BY s.person_id";

/// Runs one of them; how many people it found.
pub async fn ask(db: &DatabaseConnection, sql: &str, stays: &[Stay]) -> anyhow::Result<usize> {
    let millis = |of: fn(&Stay) -> Timestamp| array(ArrayType::BigInt, stays.iter().map(|s| of(s).millis()));
    let from = stays.iter().map(|s| s.start.millis()).min().unwrap_or(0) - DWELL;
    let to = stays.iter().map(|s| s.end.millis()).max().unwrap_or(0) + WINDOW;
    let values = [
        array(ArrayType::Uuid, stays.iter().map(|s| s.venue)),
        millis(|s| s.start),
        millis(|s| s.end),
        DWELL.into(),
        WINDOW.into(),
        from.into(),
        to.into(),
    ];
    Ok(db.query_all_raw(super::statement(sql, values)).await?.len())
}

fn array<T: Into<Value>>(kind: ArrayType, items: impl IntoIterator<Item = T>) -> Value {
    Value::Array(kind, Some(Box::new(items.into_iter().map(Into::into).collect())))
}
