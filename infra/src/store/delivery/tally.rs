//! What the deliveries of an alert came to, counted by the database: cost grows with the kinds of outcome, not with people.

use mashang_domain::delivery::{Channel, DeliveryState};
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
