//! What the deliveries of an alert came to, counted by the database: cost grows with the kinds of outcome, not with people.

use std::collections::BTreeMap;

use mashang_domain::delivery::{Channel, DeliveryState};
use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::store::statement::Raw;

/// Deliveries of one channel that stand in one state, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub channel: Channel,
    pub state: DeliveryState,
    /// The provider's reason, where there is one.
    pub code: Option<String>,
    pub count: i64,
}

/// Counts by channel, state and reason; most frequent reasons first.
pub async fn tally(db: &impl ConnectionTrait, alert: Uuid) -> Result<Vec<Tally>, DbErr> {
    let raw = Raw::new(db, "SELECT channel, state, code, count(*) AS n FROM delivery WHERE alert_id = ")
        .bind(alert);
    let raw = raw.sql(" GROUP BY channel, state, code ORDER BY channel, n DESC, state, code");
    let rows = db.query_all_raw(raw.done()).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(Tally {
            channel: row.try_get("", "channel")?,
            state: row.try_get("", "state")?,
            code: row.try_get("", "code")?,
            count: row.try_get("", "n")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Deliveries of several alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub counts: BTreeMap<DeliveryState, i64>,
    /// Sends that may have warned a person twice.
    pub possible_duplicates: i64,
}

/// Counts by state what alerts have for people (not for officials) that are under way or were done after `done_after`; drills
/// are left out.
pub async fn standing(db: &impl ConnectionTrait, done_after: Timestamp) -> Result<Standing, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT state, count(*) AS n, CAST(sum(possible_duplicates) AS bigint) AS duplicates FROM delivery \
         WHERE staff_id IS NULL AND NOT drill AND alert_id IN (SELECT id FROM alert \
         WHERE state IN ('approved', 'sending') OR state = 'done' AND done_at > ",
    );
    let mut standing = Standing::default();
    for row in db.query_all_raw(raw.bind(done_after).sql(") GROUP BY state").done()).await? {
        standing.counts.insert(row.try_get("", "state")?, row.try_get("", "n")?);
        standing.possible_duplicates += row.try_get::<Option<i64>>("", "duplicates")?.unwrap_or(0);
    }
    Ok(standing)
}
