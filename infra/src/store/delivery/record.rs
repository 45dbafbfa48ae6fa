//! What came of a claim, written for many deliveries at once and fenced by epoch and owner.

use mashang_domain::delivery::DeliveryState;
use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Value};
use uuid::Uuid;

use super::claim::{NewAttempt, write_attempts};
use crate::bugs::{self, Bug};
use crate::store::statement::Raw;

/// What one attempt came to, and where its delivery goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub id: Uuid,
    pub epoch: i32,
    /// The attempt; `None` when none was written.
    pub reference: Option<String>,
    pub gateway: Option<String>,
    /// Accepted, unknown, failed, pending (again), unreachable or cancelled.
    pub state: DeliveryState,
    /// Pending: when it is tried again. Unknown: when it may be resent.
    pub due_at: Timestamp,
    pub tries: i32,
    pub provider_id: Option<String>,
    /// Whether a receipt may name nothing but the provider's id.
    pub found_by_id: bool,
    /// The provider's own word, or ours.
    pub code: Option<String>,
    /// The word of the attempt: `accepted`, `unknown`, `not_begun` or the class of the refusal.
    pub outcome: String,
}

const OUTCOME: &[(&str, &str)] = &[
    ("id", "uuid"),
    ("epoch", "int4"),
    ("gateway", "text"),
    ("state", "text"),
    ("due_at", "int8"),
    ("tries", "int4"),
    ("found_by", "text"),
    ("code", "text"),
    ("reference", "text"),
    ("outcome", "text"),
    ("provider_id", "text"),
];

/// Writes outcomes and answers which deliveries they changed: those that are still claimed by `owner` in this epoch, and
/// those of this epoch that were given up as unknown, or wait for their resend, and turn out to be accepted.
pub async fn record(
    tx: &impl ConnectionTrait,
    owner: Uuid,
    settled: &[Settled],
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    if settled.is_empty() {
        return Ok(Vec::new());
    }
    // A receipt takes attempts before deliveries as well: the other way round, both could wait for each other.
    let postgres = tx.get_database_backend() == DbBackend::Postgres;
    if !postgres {
        close_attempts(tx, settled, now).await?;
    }
    let rows = settled.iter().map(|s| {
        vec![
            s.id.into(),
            s.epoch.into(),
            s.gateway.clone().into(),
            s.state.as_str().into(),
            s.due_at.into(),
            s.tries.into(),
            s.provider_id.clone().filter(|_| s.found_by_id).into(),
            s.code.clone().into(),
            s.reference.clone().into(),
            s.outcome.as_str().into(),
            s.provider_id.clone().into(),
        ]
    });
    let raw = Raw::new(tx, "").with_rows(OUTCOME, rows);
    let raw = if postgres { closed(raw.sql(", closed AS ("), now).sql(" RETURNING 1) ") } else { raw };
    let raw = raw.sql(
        "UPDATE delivery SET state = o.state, due_at = o.due_at, tries = o.tries, gateway = o.gateway, \
         provider_id = COALESCE(o.found_by, delivery.provider_id), code = o.code, lease_owner = NULL, lease_until = NULL, \
         accepted_at = CASE o.state WHEN 'accepted' THEN ",
    );
    let raw = raw.bind(now).sql(
        " ELSE accepted_at END, settled_at = CASE WHEN o.state IN ('failed', 'unreachable', 'cancelled') THEN ",
    );
    let raw = raw.bind(now).sql(
        " END FROM o WHERE delivery.id = o.id AND (delivery.epoch = o.epoch AND (delivery.state = 'sending' AND delivery.lease_owner = ",
    );
    let raw = raw
        .bind(owner)
        .sql(" OR delivery.state IN ('unknown', 'pending') AND o.state = 'accepted')")
        .sql(if bugs::has(Bug::NoEpoch) { " OR true) " } else { ") " })
        .either("AND (SELECT count(*) FROM closed) >= 0 ", "")
        .either("RETURNING delivery.id AS id", "RETURNING id");
    let rows = tx.query_all_raw(raw.done()).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Closes attempts that were refused and writes those at the next gateway, within the same claim. Answers for which
/// deliveries the claim still stands.
pub async fn change_gateway(
    tx: &impl ConnectionTrait,
    owner: Uuid,
    refused: &[Settled],
    next: &[NewAttempt],
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    close_attempts(tx, refused, now).await?;
    write_attempts(tx, next, owner, now).await
}

/// Writes the outcome of attempts, whoever owns the delivery by now.
async fn close_attempts(tx: &impl ConnectionTrait, settled: &[Settled], now: Timestamp) -> Result<(), DbErr> {
    let rows: Vec<Vec<Value>> = settled
        .iter()
        .filter_map(|s| {
            let reference = s.reference.as_deref()?;
            Some(vec![
                reference.into(),
                s.outcome.as_str().into(),
                s.code.clone().into(),
                s.provider_id.clone().into(),
            ])
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let columns = [("reference", "text"), ("outcome", "text"), ("code", "text"), ("provider_id", "text")];
    let raw = closed(Raw::new(tx, "").with_rows(&columns, rows), now);
    tx.execute_raw(raw.done()).await.map(|_| ())
}

/// The outcomes of attempts, of the rows `o`. One that is known stays.
fn closed(raw: Raw, now: Timestamp) -> Raw {
    let raw = raw.sql(
        "UPDATE attempt SET outcome = o.outcome, code = o.code, provider_id = COALESCE(o.provider_id, attempt.provider_id), \
         finished_at = ",
    );
    raw.bind(now).sql(
        " FROM o WHERE attempt.reference = o.reference AND (attempt.outcome IS NULL OR attempt.outcome = 'unknown')",
    )
}

/// Sets when the calls are due that wait for a receipt of these messages.
pub async fn move_waiting_calls(
    tx: &impl ConnectionTrait,
    messages: &[Uuid],
    due_at: Timestamp,
) -> Result<u64, DbErr> {
    if messages.is_empty() {
        return Ok(0);
    }
    let raw = Raw::new(tx, "UPDATE delivery SET lease_until = NULL, due_at = ").bind(due_at).sql(
        " WHERE rung_kind = 'call_without_receipt' AND state = 'pending' AND notice_id IN (SELECT s.notice_id \
         FROM delivery s WHERE s.rung_kind = 'sms' AND s.id",
    );
    Ok(tx.execute_raw(raw.any(messages).sql(")").done()).await?.rows_affected())
}
