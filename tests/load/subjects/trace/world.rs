//! Worlds of scans, made by the database itself: a million scans around a case, and whole multiples of it elsewhere.
//!
//! A block is 625,000 visits of 300,000 people at 2,000 venues in 30 days, three in five with an out-scan: a million
//! scans. Few venues have many: the busiest has 150,000 of them. All is a hash of the visit's number, so the first block
//! is the same in every world; the case lives there, and the other blocks are other people at other venues. Each day
//! is written in the order of time, as scans arrive.

use mashang_domain::time::{DAY, Timestamp};
use mashang_infra::store::partition;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use uuid::Uuid;

use super::Db;

/// Days of scans: what retention keeps.
pub const DAYS: i64 = 30;

/// One row a scan of day `$1` (of the month), in blocks 0..`$2`; `$3` is when the day begins.
const SCANS: &str = "\
    INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, source) \
    WITH drawn AS (SELECT b, n, hashint8extended(n, b * 16 + 1) AS h1, hashint8extended(n, b * 16 + 2) AS h2, \
            hashint8extended(n, b * 16 + 3) AS h3 \
        FROM generate_series(0, $2::int8 - 1) AS b, generate_series($1::int8 * 20833, $1::int8 * 20833 + 20832) AS n), \
    share AS (SELECT b, n, (h1 & 1048575) / 1048576.0::float8 AS who, (h1 >> 20 & 1048575) / 1048576.0::float8 AS place, \
            (h2 & 1048575) / 1048576.0::float8 AS early, (h2 >> 20 & 1048575) / 1048576.0::float8 AS late, \
            (h3 & 1048575) / 1048576.0::float8 AS stay FROM drawn), \
    visit AS (SELECT b, n, b * 300000 + floor(who * 300000)::int8 AS person, \
            b * 2000 + floor(2000 * power(place, 4))::int8 AS venue, \
            28800 + floor((early + late) / 2 * 50400)::int8 AS second, stay FROM share), \
    scans AS (SELECT b, n, person, venue, 'in' AS direction, second FROM visit UNION ALL \
        SELECT b, n, person, venue, 'out', second + 300 + floor(stay / 0.6 * 5400)::int8 FROM visit WHERE stay < 0.6) \
    SELECT ('01900000-' || lpad(to_hex($1::int8), 4, '0') || '-7' || CASE direction WHEN 'in' THEN '000' ELSE '001' END \
            || '-8000-' || lpad(to_hex(b * 1000000 + n), 12, '0'))::uuid, \
        ('01900000-0000-7000-a000-' || lpad(to_hex(person), 12, '0'))::uuid, \
        ('01900000-0000-7000-9000-' || lpad(to_hex(venue), 12, '0'))::uuid, \
        direction, $3::int8 + second * 1000, $3::int8 + second * 1000, 'app' \
    FROM scans ORDER BY second";

const PEOPLE: &str = "\
    INSERT INTO person (id, phone_hash, phone_sealed, key_version, created_at) \
    SELECT ('01900000-0000-7000-a000-' || lpad(to_hex(p), 12, '0'))::uuid, uuid_send(md5(p::text)::uuid), \
        uuid_send(md5(p::text)::uuid), 1, 0 FROM generate_series(0, $1::int8 * 300000 - 1) AS p";

const VENUES: &str = "\
    INSERT INTO venue (id, external_ref, name, category, division_code, address, key_version, state, created_at, updated_at) \
    SELECT ('01900000-0000-7000-9000-' || lpad(to_hex(v), 12, '0'))::uuid, 'ref-' || v, 'venue ' || v, 'restaurant', \
        '530102', '', 1, 'approved', 0, 0 FROM generate_series(0, $1::int8 * 2000 - 1) AS v";

/// Fills a migrated database with so many millions of scans on the days from `first` on. The indexes, but for the primary
/// key, are built afterwards: the same trees in a tenth of the time.
pub async fn make(db: &Db, millions: i64, first: Timestamp) -> anyhow::Result<()> {
    let conn = &db.unbounded();
    partition::ensure_days(db, first, first + (DAYS + 7) * DAY).await?;
    execute(conn, PEOPLE, [millions.into()]).await?;
    execute(conn, VENUES, [millions.into()]).await?;
    let indexes = super::texts(
        conn,
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'scan' AND indexname NOT LIKE '%pkey'",
    )
    .await?;
    for name in super::texts(
        conn,
        "SELECT indexname::text FROM pg_indexes WHERE tablename = 'scan' AND indexname NOT LIKE '%pkey'",
    )
    .await?
    {
        conn.execute_unprepared(&format!("DROP INDEX {name}")).await?;
    }
    for day in 0..DAYS {
        execute(conn, SCANS, [day.into(), millions.into(), (first + day * DAY).millis().into()]).await?;
    }
    for index in indexes {
        conn.execute_unprepared(&index.replace(" ON ONLY ", " ON ")).await?;
    }
    Ok(())
}

async fn execute(
    conn: &DatabaseConnection,
    sql: &str,
    values: impl IntoIterator<Item = sea_orm::Value>,
) -> anyhow::Result<()> {
    conn.execute_raw(super::statement(sql, values)).await?;
    Ok(())
}

/// A venue of the first block; 0 is the busiest.
pub fn venue(number: u32) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_9000_0000_0000_0000 + u128::from(number))
}
