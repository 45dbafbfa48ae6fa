//! Days of scans go with their partition on PostgreSQL: no row is touched, and the space is free at once.

use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::db::Db;

/// Dropping waits for running statements, and others wait behind it; so it waits only briefly, several times.
const TRIES: u32 = 5;

/// A partition and the instant before which all its rows lie; none for the default partition.
pub(crate) struct Partition {
    pub(crate) name: String,
    pub(crate) until: Option<i64>,
}

/// The partitions of a table.
pub(crate) async fn partitions(db: &impl ConnectionTrait, table: &str) -> Result<Vec<Partition>, DbErr> {
    let ask = format!(
        "SELECT c.oid::regclass::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound \
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '{table}'::regclass"
    );
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, ask)).await?;
    rows.iter()
        .map(|row| {
            let bound: String = row.try_get("", "bound")?;
            Ok(Partition { name: row.try_get("", "name")?, until: upper_bound(&bound) })
        })
        .collect()
}

/// `FOR VALUES FROM ('1') TO ('2')` -> 2.
fn upper_bound(bound: &str) -> Option<i64> {
    bound.rsplit_once(" TO (")?.1.trim_matches(|c| matches!(c, '\'' | ')')).parse().ok()
}

/// Drops the partitions that end at or before `limit`; answers how many rows they held. Rows of a day that is not over
/// at `limit` stay until the next run; older rows of the default partition are deleted one by one.
pub(super) async fn drop_before(db: &Db, table: &str, since: &str, limit: Timestamp) -> Result<u64, DbErr> {
    let mut deleted = 0;
    for partition in partitions(db.conn(), table).await? {
        deleted += match partition.until {
            Some(until) if until <= limit.millis() => drop_one(db, &partition.name).await?,
            Some(_) => 0,
            None => super::in_chunks(db, &partition.name, &super::older(since, limit)).await?,
        };
    }
    Ok(deleted)
}

async fn drop_one(db: &Db, name: &str) -> Result<u64, DbErr> {
    let mut tried = 0;
    loop {
        tried += 1;
        match try_drop(db, name).await {
            Err(error) if tried < TRIES => {
                tracing::info!(partition = name, tried, %error, "a day of scans cannot be dropped yet");
            }
            done => return done,
        }
    }
}

async fn try_drop(db: &Db, name: &str) -> Result<u64, DbErr> {
    let tx = db.begin_write().await?;
    tx.take_your_time().await?;
    tx.execute_unprepared("SET LOCAL lock_timeout = '1s'").await?;
    let count = format!("SELECT count(*) AS n FROM {name}");
    let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, count)).await?;
    let rows: i64 = row.map_or(Ok(0), |r| r.try_get("", "n"))?;
    tx.execute_unprepared(&format!("DROP TABLE {name}")).await?;
    tx.commit().await?;
    Ok(u64::try_from(rows).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::upper_bound;

    #[test]
    fn bounds_are_read() {
        assert_eq!(
            upper_bound("FOR VALUES FROM ('1581436800000') TO ('1581523200000')"),
            Some(1581523200000)
        );
        assert_eq!(upper_bound("FOR VALUES FROM (MINVALUE) TO ('5')"), Some(5));
        assert_eq!(upper_bound("FOR VALUES FROM ('5') TO (MAXVALUE)"), None);
        assert_eq!(upper_bound("DEFAULT"), None);
    }
}
