//! What providers may be asked about: messages whose answer was lost, and accepted ones whose receipt did not come.

use mashang_domain::time::Timestamp;
use mashang_entity::person;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult};
use uuid::Uuid;

use crate::store::statement::Raw;

/// Which attempts are to be asked about.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Gateways whose providers answer.
    pub gateways: &'a [&'a str],
    /// Called at the earliest and at the latest.
    pub from: Timestamp,
    pub until: Timestamp,
    /// Not asked about since.
    pub asked_until: Timestamp,
    pub now: Timestamp,
    pub limit: u64,
}

/// An attempt to ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub reference: String,
    /// The reference that the provider was told.
    pub told: String,
    pub delivery_id: Uuid,
    pub gateway: String,
    pub provider_id: Option<String>,
    pub started_at: Timestamp,
}

/// Takes the attempts that are to be asked about, lost answers first, and marks them, so that no other process asks the
/// same. Only the present attempt of a delivery to a person counts; login codes do not wait for receipts.
pub async fn take_to_ask(tx: &impl ConnectionTrait, ask: &Ask<'_>) -> Result<Vec<Asked>, DbErr> {
    let raw = Raw::new(tx, "UPDATE attempt SET asked_at = ").bind(ask.now).sql(
        " WHERE reference IN (SELECT t.reference FROM delivery d JOIN attempt t ON t.delivery_id = d.id AND t.epoch = d.epoch \
         WHERE (d.stage = 0 AND d.state = 'unknown' OR d.stage = 1) AND d.person_id IS NOT NULL AND t.gateway",
    );
    let raw = raw.any_word(ask.gateways.iter().copied()).sql(" AND t.started_at >= ").bind(ask.from);
    let raw = raw.sql(" AND t.started_at <= ").bind(ask.until);
    // Whose wait has ended is asked about once more at once: it is sent again after that.
    let raw = raw.sql(" AND (t.asked_at IS NULL OR t.asked_at <= ").bind(ask.asked_until);
    let raw = raw.sql(" OR d.state = 'unknown' AND t.asked_at < d.due_at AND d.due_at <= ").bind(ask.now).sql(
        ") AND (t.outcome IS NULL OR t.outcome IN ('accepted', 'unknown')) ORDER BY d.state DESC, t.started_at, t.reference LIMIT ",
    );
    let raw = raw.bind(i64::try_from(ask.limit).unwrap_or(i64::MAX));
    let raw = raw
        .either(" FOR UPDATE OF t SKIP LOCKED)", ")")
        .sql(" RETURNING reference, batch, delivery_id, gateway, provider_id, started_at");
    let rows = tx.query_all_raw(raw.done()).await?;
    let mut taken: Vec<Asked> = rows.iter().map(asked).collect::<Result<_, _>>()?;
    // What an update answers has no order.
    taken.sort_by_key(|asked| (asked.provider_id.is_some(), asked.started_at));
    Ok(taken)
}

fn asked(row: &QueryResult) -> Result<Asked, DbErr> {
    Ok(Asked {
        reference: row.try_get("", "reference")?,
        told: row.try_get("", "batch")?,
        delivery_id: row.try_get("", "delivery_id")?,
        gateway: row.try_get("", "gateway")?,
        provider_id: row.try_get("", "provider_id")?,
        started_at: row.try_get("", "started_at")?,
    })
}

/// The people of these deliveries, by delivery; who is gone is missing.
pub async fn people_of(
    db: &impl ConnectionTrait,
    deliveries: &[Uuid],
) -> Result<Vec<(Uuid, person::Model)>, DbErr> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(
        db,
        "SELECT d.id AS delivery_id, p.* FROM delivery d JOIN person p ON p.id = d.person_id WHERE d.id",
    );
    let rows = db.query_all_raw(raw.any(deliveries).done()).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "delivery_id")?, person::Model::from_query_result(row, "")?)))
        .collect()
}

/// `unknown -> accepted` for attempts that the provider turned out to have taken, and answers how many deliveries moved:
/// they are no longer sent again.
pub async fn acknowledge(
    tx: &impl ConnectionTrait,
    references: &[&str],
    now: Timestamp,
) -> Result<u64, DbErr> {
    if references.is_empty() {
        return Ok(0);
    }
    let raw = Raw::new(tx, "UPDATE delivery SET state = 'accepted', accepted_at = ").bind(now).sql(
        " WHERE state = 'unknown' AND EXISTS (SELECT 1 FROM attempt t WHERE t.delivery_id = delivery.id \
         AND t.epoch = delivery.epoch AND t.reference",
    );
    let raw = raw.any_word(references.iter().copied()).sql(")");
    let moved = tx.execute_raw(raw.done()).await?.rows_affected();
    let raw = Raw::new(tx, "UPDATE attempt SET outcome = 'accepted', finished_at = COALESCE(finished_at, ")
        .bind(now);
    let raw = raw.sql(") WHERE (outcome IS NULL OR outcome = 'unknown') AND reference");
    tx.execute_raw(raw.any_word(references.iter().copied()).done()).await?;
    Ok(moved)
}

/// Notes that the provider knows nothing of these attempts.
pub async fn deny(tx: &impl ConnectionTrait, references: &[&str], now: Timestamp) -> Result<(), DbErr> {
    if references.is_empty() {
        return Ok(());
    }
    let raw = Raw::new(tx, "UPDATE attempt SET denied_at = ").bind(now).sql(" WHERE reference");
    tx.execute_raw(raw.any_word(references.iter().copied()).done()).await.map(|_| ())
}
