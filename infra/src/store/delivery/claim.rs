//! The claim: who sends what until when, and the attempt that is written before the call.

use mashang_domain::time::Timestamp;
use mashang_entity::{delivery, login_code, person};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::store::statement::Raw;

/// Terms of a claim.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub owner: Uuid,
    pub until: Timestamp,
    pub now: Timestamp,
    /// Whether calls that are not urgent may ring now.
    pub voice_open: bool,
}

/// `pending -> sending` for those of `ids` that are due, not stale and nobody else's. A call that waits for a receipt is
/// left while its SMS is on its way or has arrived.
pub async fn claim(
    tx: &impl ConnectionTrait,
    ids: &[Uuid],
    claim: &Claim,
) -> Result<Vec<delivery::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(tx, "UPDATE delivery SET state = 'sending', epoch = epoch + 1, lease_owner = ")
        .bind(claim.owner);
    let raw = raw
        .sql(", lease_until = ")
        .bind(claim.until)
        .sql(" WHERE id IN (SELECT c.id FROM delivery c WHERE c.id");
    let raw = raw.any(ids).sql(" AND c.state = 'pending' AND c.due_at <= ").bind(claim.now);
    let raw = raw.sql(" AND c.expires_at > ").bind(claim.now).sql(
        " AND NOT (c.rung_kind = 'call_without_receipt' AND EXISTS (SELECT 1 FROM delivery s \
         WHERE s.notice_id = c.notice_id AND s.rung_kind = 'sms' AND s.state IN ('pending', 'sending', 'delivered')))",
    );
    let raw = if claim.voice_open {
        raw
    } else {
        raw.sql(" AND (c.channel <> 'voice' OR c.urgent OR c.rung_kind = 'login')")
    };
    let raw = raw.either(" ORDER BY c.id FOR UPDATE OF c SKIP LOCKED", "").sql(") RETURNING *");
    delivery::Entity::find().from_raw_sql(raw.done()).all(tx).await
}

/// The people behind these ids; who is gone is missing.
pub async fn people(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<person::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(db, "SELECT * FROM person WHERE id").any(ids);
    person::Entity::find().from_raw_sql(raw.done()).all(db).await
}

/// The requests for login codes behind these ids.
pub async fn logins(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<login_code::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    login_code::Entity::find().filter(login_code::Column::Id.is_in(ids.iter().copied())).all(db).await
}

/// An earlier attempt whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    pub delivery_id: Uuid,
    pub reference: String,
    pub gateway: String,
}

/// The newest attempt of each of these deliveries before its present claim, if its answer was lost.
pub async fn unanswered(tx: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Unanswered>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(tx, "SELECT t.delivery_id, t.reference, t.gateway FROM attempt t WHERE t.delivery_id")
        .any(ids);
    let raw = raw.sql(
        " AND (t.outcome IS NULL OR t.outcome = 'unknown') AND NOT EXISTS (SELECT 1 FROM attempt l \
         WHERE l.delivery_id = t.delivery_id AND (l.epoch > t.epoch OR (l.epoch = t.epoch AND l.started_at > t.started_at)))",
    );
    let rows = tx.query_all_raw(raw.done()).await?;
    rows.iter()
        .map(|row| {
            Ok(Unanswered {
                delivery_id: row.try_get("", "delivery_id")?,
                reference: row.try_get("", "reference")?,
                gateway: row.try_get("", "gateway")?,
            })
        })
        .collect()
}

/// Those of these deliveries that are about to be sent once more although an earlier attempt was accepted after all: its
/// answer came when the next claim was under way, and that one was refused.
pub async fn told_before(tx: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(tx, "SELECT DISTINCT t.delivery_id FROM attempt t WHERE t.delivery_id").any(ids);
    let rows = tx.query_all_raw(raw.sql(" AND t.outcome IN ('accepted', 'delivered')").done()).await?;
    rows.iter().map(|row| row.try_get("", "delivery_id")).collect()
}

/// An attempt, to be written before its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    pub reference: String,
    pub delivery_id: Uuid,
    pub epoch: i32,
    pub gateway: String,
    /// The reference that the provider is told: shared by all recipients of one call where it takes one per call.
    pub batch: String,
}

/// Writes attempts in the transaction that has just claimed their deliveries. A resend under a reference that was used
/// before opens that attempt again.
pub async fn open_attempts(
    tx: &impl ConnectionTrait,
    attempts: &[NewAttempt],
    now: Timestamp,
) -> Result<(), DbErr> {
    if attempts.is_empty() {
        return Ok(());
    }
    let raw = inserted(tx, attempts, now).sql(" FROM o WHERE true").sql(OPENED_AGAIN);
    tx.execute_raw(raw.done()).await.map(|_| ())
}

/// As [`open_attempts`] for claims that were made before and may have passed to another: only what is still `owner`'s is
/// written, and answered.
pub async fn write_attempts(
    tx: &impl ConnectionTrait,
    attempts: &[NewAttempt],
    owner: Uuid,
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    let raw = inserted(tx, attempts, now).sql(
        " FROM o JOIN delivery d ON d.id = o.delivery_id AND d.epoch = o.epoch AND d.state = 'sending' WHERE d.lease_owner = ",
    );
    let raw = raw.bind(owner).sql(OPENED_AGAIN).sql(" RETURNING delivery_id");
    let rows = tx.query_all_raw(raw.done()).await?;
    rows.iter().map(|row| row.try_get("", "delivery_id")).collect()
}

const OPENED_AGAIN: &str = " ON CONFLICT (reference) DO UPDATE SET gateway = excluded.gateway, epoch = excluded.epoch, \
    batch = excluded.batch, started_at = excluded.started_at, finished_at = NULL, outcome = NULL, code = NULL \
    WHERE attempt.delivery_id = excluded.delivery_id";

/// The attempts as rows `o`, and the head of their insert.
fn inserted(tx: &impl ConnectionTrait, attempts: &[NewAttempt], now: Timestamp) -> Raw {
    let rows = attempts.iter().map(|a| {
        vec![
            a.reference.as_str().into(),
            a.delivery_id.into(),
            a.epoch.into(),
            a.gateway.as_str().into(),
            a.batch.as_str().into(),
        ]
    });
    let columns = [
        ("reference", "text"),
        ("delivery_id", "uuid"),
        ("epoch", "int4"),
        ("gateway", "text"),
        ("batch", "text"),
    ];
    let raw = Raw::new(tx, "").with_rows(&columns, rows).sql(
        "INSERT INTO attempt (reference, delivery_id, gateway, epoch, batch, started_at) \
         SELECT o.reference, o.delivery_id, o.gateway, o.epoch, o.batch, ",
    );
    raw.bind(now)
}
