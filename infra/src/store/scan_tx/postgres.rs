//! PostgreSQL: arrays in, arrays out, every statement prepared once a connection.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use mashang_domain::time::Timestamp;
use mashang_domain::venue::SuspectReason;
use mashang_domain::venue::plausibility::Verdict;
use mashang_entity::{scan as scan_row, scan_key};
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, Postgres, Row, Transaction};
use sea_orm::{DbErr, RuntimeErr};
use uuid::Uuid;

use crate::db::{Bound, Db};
use crate::store::scan::{Neighbour, NeighbourRow, lock_numbers, parse};

const CLAIM: &str = "\
    INSERT INTO scan_key (key, scan_id, at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int8[]) \
    ON CONFLICT (key) DO NOTHING RETURNING key";

const REDIRECT: &str = "\
    INSERT INTO scan_key (key, scan_id, at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int8[]) \
    ON CONFLICT (key) DO UPDATE SET scan_id = excluded.scan_id, at = excluded.at";

/// Rows are looked up by index. The partition of a day is empty at midnight, and until its first analysis, which is a minute
/// or more of scans away, the planner takes it for a few pages that are read faster from end to end.
const TERMS: &str = "SET LOCAL enable_seqscan = off";

/// By id and time: the time says in which partition.
const KNOWN: &str = "\
    SELECT k.key, s.id, s.person_id, s.venue_id, s.zone_id, s.direction, s.at, s.client_at, s.received_at, \
           s.companions, s.suspect, s.suspect_reason, s.repeat, s.source \
    FROM scan_key AS k JOIN scan AS s ON s.id = k.scan_id AND s.at = k.at WHERE k.key = ANY($1)";

const NEIGHBOURS: &str = "\
    SELECT s.person_id, s.id, s.venue_id, s.zone_id, s.direction, s.at, s.repeat, s.suspect_reason, \
           v.external_ref, v.lat, v.lon \
    FROM scan AS s LEFT JOIN venue AS v ON v.id = s.venue_id \
    WHERE s.at >= $2 AND s.at <= $3 AND s.person_id = ANY($1)";

const INSERT: &str = "\
    INSERT INTO scan (id, person_id, venue_id, zone_id, direction, at, client_at, received_at, companions, suspect, \
                      suspect_reason, repeat, source) \
    SELECT id, person_id, venue_id, zone_id, direction, at, client_at, received_at, companions, \
           suspect_reason IS NOT NULL, suspect_reason, repeat, source \
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::int8[], $7::int8[], $8::int8[], \
                $9::int2[], $10::text[], $11::bool[], $12::text[]) \
      AS r (id, person_id, venue_id, zone_id, direction, at, client_at, received_at, companions, suspect_reason, \
            repeat, source)";

const MARK: &str = "\
    UPDATE scan SET repeat = c.repeat, suspect = c.reason IS NOT NULL, suspect_reason = c.reason \
    FROM unnest($1::uuid[], $2::int8[], $3::bool[], $4::text[]) AS c (id, at, repeat, reason) \
    WHERE scan.id = c.id AND scan.at = c.at AND scan.at >= $5 AND scan.at <= $6";

pub(in crate::store) struct PostgresTx {
    tx: Transaction<'static, Postgres>,
    bound: Bound,
}

impl PostgresTx {
    pub(super) async fn begin(db: &Db, people: &[Uuid]) -> Result<Self, DbErr> {
        // Numbers of ours, so they may stand in the text; together with BEGIN they are one round trip.
        let mut begin = format!("BEGIN; {TERMS}; SELECT count(pg_advisory_xact_lock(k)) FROM unnest('{{");
        for (i, lock) in lock_numbers(people).iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(begin, "{comma}{lock}");
        }
        begin.push_str("}'::int8[]) AS k");
        let (tx, bound) = db.conn().begin_bare(begin).await?;
        Ok(Self { tx, bound })
    }

    pub(super) async fn claim(&mut self, keys: &[scan_key::Model]) -> Result<HashSet<Uuid>, DbErr> {
        let claimed = sqlx::query_scalar(CLAIM)
            .bind(list(keys, |k| k.key))
            .bind(list(keys, |k| k.scan_id))
            .bind(list(keys, |k| k.at.millis()))
            .fetch_all(&mut *self.tx);
        Ok(self.bound.within(claimed).await?.into_iter().collect())
    }

    pub(super) async fn redirect(&mut self, keys: &[scan_key::Model]) -> Result<(), DbErr> {
        let done = sqlx::query(REDIRECT)
            .bind(list(keys, |k| k.key))
            .bind(list(keys, |k| k.scan_id))
            .bind(list(keys, |k| k.at.millis()))
            .execute(&mut *self.tx);
        self.bound.within(done).await.map(|_| ())
    }

    pub(super) async fn known(&mut self, keys: &[Uuid]) -> Result<HashMap<Uuid, scan_row::Model>, DbErr> {
        let rows = self.bound.within(sqlx::query(KNOWN).bind(keys).fetch_all(&mut *self.tx)).await?;
        rows.iter().map(|row| Ok((get(row, 0)?, scan_of(row)?))).collect()
    }

    pub(super) async fn neighbours(
        &mut self,
        people: &[Uuid],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Neighbour>, DbErr> {
        let query = sqlx::query(NEIGHBOURS).bind(people).bind(from.millis()).bind(to.millis());
        self.bound.within(query.fetch_all(&mut *self.tx)).await?.iter().map(neighbour).collect()
    }

    pub(super) async fn insert(&mut self, rows: &[scan_row::Model]) -> Result<(), DbErr> {
        let done = sqlx::query(INSERT)
            .bind(list(rows, |r| r.id))
            .bind(list(rows, |r| r.person_id))
            .bind(list(rows, |r| r.venue_id))
            .bind(list(rows, |r| r.zone_id))
            .bind(list(rows, |r| r.direction.as_str()))
            .bind(list(rows, |r| r.at.millis()))
            .bind(list(rows, |r| r.client_at.map(Timestamp::millis)))
            .bind(list(rows, |r| r.received_at.millis()))
            .bind(list(rows, |r| r.companions))
            .bind(rows.iter().map(|r| r.suspect_reason.as_deref()).collect::<Vec<_>>())
            .bind(list(rows, |r| r.repeat))
            .bind(list(rows, |r| r.source.as_str()))
            .execute(&mut *self.tx);
        self.bound.within(done).await.map(|_| ())
    }

    pub(super) async fn mark(&mut self, changes: &[(Uuid, Timestamp, Verdict)]) -> Result<(), DbErr> {
        let Some(first) = changes.iter().map(|c| c.1).min() else { return Ok(()) };
        let last = changes.iter().map(|c| c.1).max().unwrap_or(first);
        let done = sqlx::query(MARK)
            .bind(list(changes, |c| c.0))
            .bind(list(changes, |c| c.1.millis()))
            .bind(list(changes, |c| c.2.repeat))
            .bind(list(changes, |c| c.2.suspect.map(SuspectReason::as_str)))
            .bind(first.millis())
            .bind(last.millis())
            .execute(&mut *self.tx);
        self.bound.within(done).await.map(|_| ())
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        let Self { tx, bound } = self;
        bound.within(tx.commit()).await
    }
}

fn list<T, V>(items: &[T], of: impl Fn(&T) -> V) -> Vec<V> {
    items.iter().map(of).collect()
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

fn get<'r, T>(row: &'r PgRow, column: usize) -> Result<T, DbErr>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    row.try_get(column).map_err(failed)
}

fn neighbour(row: &PgRow) -> Result<Neighbour, DbErr> {
    NeighbourRow {
        person_id: get(row, 0)?,
        id: get(row, 1)?,
        venue_id: get(row, 2)?,
        zone_id: get(row, 3)?,
        direction: parse("direction", get(row, 4)?)?,
        at: Timestamp(get(row, 5)?),
        repeat: get(row, 6)?,
        suspect_reason: get(row, 7)?,
        external_ref: get(row, 8)?,
        lat: get(row, 9)?,
        lon: get(row, 10)?,
    }
    .try_into()
}

fn scan_of(row: &PgRow) -> Result<scan_row::Model, DbErr> {
    Ok(scan_row::Model {
        id: get(row, 1)?,
        person_id: get(row, 2)?,
        venue_id: get(row, 3)?,
        zone_id: get(row, 4)?,
        direction: parse("direction", get(row, 5)?)?,
        at: Timestamp(get(row, 6)?),
        client_at: get::<Option<i64>>(row, 7)?.map(Timestamp),
        received_at: Timestamp(get(row, 8)?),
        companions: get(row, 9)?,
        suspect: get(row, 10)?,
        suspect_reason: get(row, 11)?,
        repeat: get(row, 12)?,
        source: parse("source", get(row, 13)?)?,
    })
}
