//! Scans as rows: reading a person's neighbourhood, writing many at once, marking, history and erasure.
//!
//! [`super::scan_writer`] records what people scan and [`super::import`] what files hold; both lean on these statements.
//! Every statement takes a whole batch.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use mashang_domain::time::Timestamp;
use mashang_domain::venue::plausibility::{Coordinates, Sighting, Verdict};
use mashang_domain::venue::{Direction, ScanPoint, SuspectReason};
use mashang_entity::scan;
use sea_orm::sea_query::ArrayType;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryResult, Statement, Value,
};
use serde_json::json;
use uuid::Uuid;

/// Rows of one SQLite statement: 13 values each.
const SQLITE_ROWS: usize = 128;

/// A scan that is in the database, with its marks.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour {
    pub person_id: Uuid,
    pub sighting: Sighting,
    pub verdict: Verdict,
}

/// Makes transactions that record scans of the same people take turns, until they end. SQLite has one writer anyway.
pub(crate) async fn lock_people(tx: &impl ConnectionTrait, people: &[Uuid]) -> Result<(), DbErr> {
    const SQL: &str = "SELECT count(pg_advisory_xact_lock(k)) FROM unnest($1::int8[]) AS k";
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    tx.execute_raw(postgres(SQL, [array(ArrayType::BigInt, lock_numbers(people))])).await.map(|_| ())
}

/// The numbers of people's advisory locks, in the order in which everybody takes them.
pub(super) fn lock_numbers(people: &[Uuid]) -> Vec<i64> {
    // The random half of the id; its variant bits make the number negative, so it is none of our other locks.
    let half = |id: &Uuid| id.as_u64_pair().1.cast_signed();
    let mut locks: Vec<i64> = people.iter().map(half).collect();
    locks.sort_unstable();
    locks.dedup();
    locks
}

/// All scans of these people in `[from, to]`, swallowed ones included, in no order.
pub(crate) async fn neighbours(
    db: &impl ConnectionTrait,
    people: &[Uuid],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Neighbour>, DbErr> {
    const COLUMNS: &str = "\
        SELECT s.person_id, s.id, s.venue_id, s.zone_id, s.direction, s.at, s.repeat, s.suspect_reason, \
               v.external_ref, v.lat, v.lon \
        FROM scan AS s LEFT JOIN venue AS v ON v.id = s.venue_id \
        WHERE s.at >= $2 AND s.at <= $3 AND s.person_id";
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let statement = match db.get_database_backend() {
        DbBackend::Postgres => {
            let ids = array(ArrayType::Uuid, people.iter().copied());
            postgres(&format!("{COLUMNS} = ANY($1)"), [ids, from.millis().into(), to.millis().into()])
        }
        _ => {
            let sql = format!("{COLUMNS} IN (SELECT unhex(value) FROM json_each($1))");
            sqlite(&sql, [hex_list(people), from.millis().into(), to.millis().into()])
        }
    };
    db.query_all_raw(statement).await?.iter().map(neighbour).collect()
}

fn neighbour(row: &QueryResult) -> Result<Neighbour, DbErr> {
    NeighbourRow {
        person_id: row.try_get_by_index(0)?,
        id: row.try_get_by_index(1)?,
        venue_id: row.try_get_by_index(2)?,
        zone_id: row.try_get_by_index(3)?,
        direction: parse("direction", &row.try_get_by_index::<String>(4)?)?,
        at: Timestamp(row.try_get_by_index(5)?),
        repeat: row.try_get_by_index(6)?,
        suspect_reason: row.try_get_by_index(7)?,
        external_ref: row.try_get_by_index(8)?,
        lat: row.try_get_by_index(9)?,
        lon: row.try_get_by_index(10)?,
    }
    .try_into()
}

/// A neighbour as both databases give it.
pub(super) struct NeighbourRow {
    pub person_id: Uuid,
    pub id: Uuid,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub direction: Direction,
    pub at: Timestamp,
    pub repeat: bool,
    pub suspect_reason: Option<String>,
    pub external_ref: Option<String>,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
}

impl TryFrom<NeighbourRow> for Neighbour {
    type Error = DbErr;

    fn try_from(row: NeighbourRow) -> Result<Self, DbErr> {
        let suspect = row.suspect_reason.map(|word| parse("suspect_reason", &word)).transpose()?;
        let point = ScanPoint {
            id: row.id,
            venue_id: row.venue_id,
            zone_id: row.zone_id,
            venue_ref: venue_ref(row.external_ref, row.venue_id),
            direction: row.direction,
            at: row.at,
            suspect: suspect.is_some(),
        };
        let sighting = Sighting {
            point,
            place: row.lat.zip(row.lon).map(|(lat, lon)| Coordinates { lat, lon }),
            venue_open: suspect != Some(SuspectReason::VenueClosed),
        };
        Ok(Self { person_id: row.person_id, sighting, verdict: Verdict { repeat: row.repeat, suspect } })
    }
}

/// What orders a venue's scans within one second: its external reference, or its id as text.
pub fn venue_ref(external_ref: Option<String>, venue_id: Uuid) -> Arc<str> {
    external_ref.unwrap_or_else(|| venue_id.to_string()).into()
}

/// Writes rows on SQLite; a group on PostgreSQL has its own way ([`super::scan_tx`]).
pub(super) async fn insert(tx: &impl ConnectionTrait, rows: &[scan::Model]) -> Result<(), DbErr> {
    for some in pieces(rows) {
        scan::Entity::insert_many(some.iter().cloned().map(active)).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Powers of two, the largest first. A connection keeps every text that it has prepared, one for each number of rows,
/// and one of five hundred rows is a megabyte: so there are eight of them, all small.
fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let most = SQLITE_ROWS.min(1 << rows.len().checked_ilog2()?);
        let (piece, rest) = rows.split_at(most);
        rows = rest;
        Some(piece)
    })
}

fn active(row: scan::Model) -> scan::ActiveModel {
    scan::ActiveModel {
        id: Set(row.id),
        person_id: Set(row.person_id),
        venue_id: Set(row.venue_id),
        zone_id: Set(row.zone_id),
        direction: Set(row.direction),
        at: Set(row.at),
        client_at: Set(row.client_at),
        received_at: Set(row.received_at),
        companions: Set(row.companions),
        suspect: Set(row.suspect),
        suspect_reason: Set(row.suspect_reason),
        repeat: Set(row.repeat),
        source: Set(row.source),
    }
}

/// New marks of rows, by id and time.
pub(crate) async fn mark(
    tx: &impl ConnectionTrait,
    changes: &[(Uuid, Timestamp, Verdict)],
) -> Result<(), DbErr> {
    let Some(first) = changes.iter().map(|c| c.1).min() else { return Ok(()) };
    let last = changes.iter().map(|c| c.1).max().unwrap_or(first);
    let reason = |v: &Verdict| v.suspect.map_or("", SuspectReason::as_str);
    let statement = if tx.get_database_backend() == DbBackend::Postgres {
        const SQL: &str = "\
            UPDATE scan SET repeat = c.repeat, suspect = c.reason <> '', suspect_reason = nullif(c.reason, '') \
            FROM unnest($1::uuid[], $2::int8[], $3::bool[], $4::text[]) AS c (id, at, repeat, reason) \
            WHERE scan.id = c.id AND scan.at = c.at AND scan.at >= $5 AND scan.at <= $6";
        let values = [
            array(ArrayType::Uuid, changes.iter().map(|c| c.0)),
            array(ArrayType::BigInt, changes.iter().map(|c| c.1.millis())),
            array(ArrayType::Bool, changes.iter().map(|c| c.2.repeat)),
            array(ArrayType::String, changes.iter().map(|c| reason(&c.2).to_owned())),
            first.millis().into(),
            last.millis().into(),
        ];
        postgres(SQL, values)
    } else {
        const SQL: &str = "\
            UPDATE scan SET repeat = c.repeat, suspect = c.reason <> '', suspect_reason = nullif(c.reason, '') \
            FROM (SELECT unhex(value ->> 0) AS id, value ->> 1 AS repeat, value ->> 2 AS reason \
                  FROM json_each($1)) AS c \
            WHERE scan.id = c.id";
        let row = |c: &(Uuid, Timestamp, Verdict)| {
            json!([c.0.simple().to_string(), i32::from(c.2.repeat), reason(&c.2)])
        };
        sqlite(SQL, [json!(changes.iter().map(row).collect::<Vec<_>>()).to_string().into()])
    };
    tx.execute_raw(statement).await.map(|_| ())
}

/// Deletes every scan of a person, and the keys that stand for them. Returns the number of scans.
pub async fn erase_person_scans(tx: &impl ConnectionTrait, person_id: Uuid) -> Result<u64, DbErr> {
    const KEYS: &str = "\
        DELETE FROM scan_key WHERE (at, scan_id) IN (SELECT at, id FROM scan WHERE person_id = $1)";
    const SCANS: &str = "DELETE FROM scan WHERE person_id = $1";
    let backend = tx.get_database_backend();
    let on_person = |sql: &str| Statement::from_sql_and_values(backend, sql, [person_id.into()]);
    lock_people(tx, &[person_id]).await?;
    tx.execute_raw(on_person(KEYS)).await?;
    tx.execute_raw(on_person(SCANS)).await.map(|done| done.rows_affected())
}

pub(crate) fn array<T: Into<Value>>(kind: ArrayType, items: impl IntoIterator<Item = T>) -> Value {
    Value::Array(kind, Some(Box::new(items.into_iter().map(Into::into).collect())))
}

/// Bytes for SQLite's `json_each`, as a JSON list of hexadecimal words.
pub(crate) fn hex_list<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Value {
    json!(items.into_iter().map(|item| HEXLOWER.encode(item.as_ref())).collect::<Vec<_>>()).to_string().into()
}

pub(crate) fn postgres(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

pub(crate) fn sqlite(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

pub(crate) fn parse<T: std::str::FromStr>(column: &str, word: &str) -> Result<T, DbErr> {
    word.parse().map_err(|_| DbErr::Type(format!("{column}: unknown word `{word}`")))
}

/// The direction of a row read by hand.
pub(crate) fn direction(row: &QueryResult, column: usize) -> Result<Direction, DbErr> {
    parse("direction", &row.try_get_by_index::<String>(column)?)
}

#[cfg(test)]
mod tests {
    use super::{SQLITE_ROWS, pieces};

    #[test]
    fn pieces_are_few_sizes_and_hold_every_row_once() {
        let rows: Vec<u32> = (0..1_700).collect();
        for n in 0..rows.len() {
            let cut: Vec<&[u32]> = pieces(&rows[..n]).collect();
            assert!(cut.iter().all(|piece| piece.len().is_power_of_two() && piece.len() <= SQLITE_ROWS));
            assert_eq!(cut.concat(), rows[..n]);
        }
    }
}
