//! Receipts: each finds its attempt, and moves the delivery forward or nowhere.

use std::collections::BTreeMap;

use mashang_domain::delivery::state::{self, DeliveryEvent};
use mashang_domain::delivery::{Channel, DeliveryState};
use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use super::move_waiting_calls;
use super::sent::one_by_one;
use crate::bugs::{self, Bug};
use crate::store::statement::{Raw, words};

/// What identifies the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The provider's id or the reference, together with the number: both are shared by a whole call.
    WithPhone,
    /// The reference is the attempt's own.
    Reference,
}

/// A receipt, with the keyed hash of its number instead of the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    pub gateway: String,
    pub by: Match,
    pub phone_hash: Option<Vec<u8>>,
    pub provider_id: String,
    pub reference: Option<String>,
    pub delivered: bool,
    pub code: String,
}

/// What a push of receipts came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Deliveries that moved.
    pub applied: usize,
    /// Receipts that say what is known, or come too late to change it.
    pub repeated: usize,
    /// Receipts for attempts that are not ours.
    pub strangers: usize,
    /// Those that arrived by these receipts.
    pub arrived: Vec<Uuid>,
}

/// How long a delivery took that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    pub channel: Channel,
    /// Milliseconds from the approval of its alert, or from the request of a login code.
    pub since_decided: i64,
    pub since_accepted: i64,
}

/// How long these deliveries took to arrive; drills are left out.
pub async fn took(db: &impl ConnectionTrait, arrived: &[Uuid]) -> Result<Vec<Took>, DbErr> {
    if arrived.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(
        db,
        "SELECT d.channel, d.settled_at - COALESCE(a.decided_at, d.created_at) AS decided, d.settled_at - d.accepted_at AS accepted \
         FROM delivery d LEFT JOIN alert a ON a.id = d.alert_id WHERE NOT d.drill AND d.settled_at IS NOT NULL \
         AND d.accepted_at IS NOT NULL AND d.id",
    );
    let rows = db.query_all_raw(raw.any(arrived).done()).await?;
    rows.iter()
        .map(|row| {
            Ok(Took {
                channel: row.try_get("", "channel")?,
                since_decided: row.try_get("", "decided")?,
                since_accepted: row.try_get("", "accepted")?,
            })
        })
        .collect()
}

/// An attempt that a receipt speaks of.
struct Found {
    reference: String,
    delivery: Uuid,
    current: bool,
}

/// Applies a push of receipts. A failure that comes after the arrival, or that speaks of an earlier attempt than the
/// present one, is written to its attempt and changes nothing else.
pub async fn apply_receipts(
    tx: &impl ConnectionTrait,
    receipts: &[ReceiptRow],
    now: Timestamp,
) -> Result<Received, DbErr> {
    let mut received = Received::default();
    let (mut arrived, mut failed, mut attempts) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut known = find(tx, receipts).await?;
    for (n, receipt) in receipts.iter().enumerate() {
        let Some(found) = known.remove(&n) else {
            received.strangers += 1;
            continue;
        };
        if receipt.delivered {
            arrived.push(found.delivery);
        } else if found.current {
            failed.push(found.delivery);
        }
        attempts.insert(found.reference, receipt);
    }
    note(tx, &attempts, now).await?;
    let arrived = settle(tx, &arrived, DeliveryEvent::Deliver, now).await?;
    skip_calls(tx, &arrived, now).await?;
    let failed = settle(tx, &failed, DeliveryEvent::FailToDeliver, now).await?;
    move_waiting_calls(tx, &failed, now).await?;
    received.applied = arrived.len() + failed.len();
    received.repeated = receipts.len().saturating_sub(received.applied + received.strangers);
    received.arrived = arrived;
    Ok(received)
}

/// The attempt of each receipt, by its place in the list.
async fn find(tx: &impl ConnectionTrait, receipts: &[ReceiptRow]) -> Result<BTreeMap<usize, Found>, DbErr> {
    if receipts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = receipts.iter().enumerate().map(|(n, r)| {
        vec![
            i64::try_from(n).unwrap_or(i64::MAX).into(),
            r.gateway.as_str().into(),
            r.provider_id.as_str().into(),
            r.reference.clone().into(),
            r.phone_hash.clone().into(),
            (r.by == Match::WithPhone).into(),
        ]
    });
    let raw = Raw::new(tx, "WITH r (n, gateway, provider_id, reference, phone, by_phone) AS (").rows(rows);
    let raw = candidates(raw.sql("), hit (n, reference) AS (")).sql(
        ") SELECT r.n, t.reference, t.delivery_id, t.epoch = d.epoch AS is_current FROM hit JOIN r ON r.n = hit.n \
         JOIN attempt t ON t.reference = hit.reference \
         JOIN delivery d ON d.id = t.delivery_id LEFT JOIN person p ON p.id = d.person_id \
         LEFT JOIN login_code l ON l.id = d.login_id WHERE t.gateway = r.gateway AND CASE WHEN r.by_phone \
         THEN r.phone IS NOT NULL AND COALESCE(p.phone_hash, l.phone_hash) = r.phone \
         ELSE r.phone IS NULL OR COALESCE(p.phone_hash, l.phone_hash) IS NULL OR COALESCE(p.phone_hash, l.phone_hash) = r.phone END \
         ORDER BY r.n, t.epoch",
    );
    // The newest attempt wins when several match: it comes last.
    tx.query_all_raw(raw.done()).await?.iter().map(found).collect()
}

/// The attempts that receipts `r` may speak of. No index knows the provider's ids or the references of calls, so that an
/// outcome changes no index of `attempt`: with a number, what went to it is looked at; without, the attempt's own reference,
/// or the provider's id, which the delivery has where receipts may name nothing else.
fn candidates(raw: Raw) -> Raw {
    const THE_SAME: &str = " WHERE r.by_phone AND (t.provider_id = r.provider_id OR t.reference = r.reference OR t.batch = r.reference)";
    const EACH: &str = " UNION ALL SELECT r.n, t.reference FROM r";
    let raw = raw.sql("SELECT r.n, t.reference FROM r");
    let raw = one_by_one(raw, "p", "person", "p.phone_hash = r.phone");
    let raw = one_by_one(raw, "n", "notice", "n.person_id = p.id");
    let raw = one_by_one(raw, "d", "delivery", "d.notice_id = n.id");
    let raw = one_by_one(raw, "t", "attempt", "t.delivery_id = d.id").sql(THE_SAME).sql(EACH);
    let raw = one_by_one(raw, "l", "login_code", "l.phone_hash = r.phone");
    let raw = one_by_one(raw, "d", "delivery", "d.login_id = l.id");
    let raw = one_by_one(raw, "t", "attempt", "t.delivery_id = d.id").sql(THE_SAME).sql(EACH);
    let raw =
        one_by_one(raw, "t", "attempt", "t.reference = r.reference").sql(" WHERE NOT r.by_phone").sql(EACH);
    let raw = one_by_one(raw, "d", "delivery", "d.provider_id = r.provider_id");
    let raw = one_by_one(raw, "t", "attempt", "t.delivery_id = d.id");
    raw.sql(" WHERE NOT r.by_phone AND t.provider_id = r.provider_id")
}

fn found(row: &QueryResult) -> Result<(usize, Found), DbErr> {
    let n: i64 = row.try_get("", "n")?;
    let found = Found {
        reference: row.try_get("", "reference")?,
        delivery: row.try_get("", "delivery_id")?,
        current: row.try_get("", "is_current")?,
    };
    Ok((usize::try_from(n).unwrap_or(usize::MAX), found))
}

/// Writes what the provider said to the attempts. An arrival stays one.
async fn note(
    tx: &impl ConnectionTrait,
    attempts: &BTreeMap<String, &ReceiptRow>,
    now: Timestamp,
) -> Result<(), DbErr> {
    if attempts.is_empty() {
        return Ok(());
    }
    let rows = attempts.iter().map(|(reference, r)| {
        let outcome = if r.delivered { DeliveryState::Delivered } else { DeliveryState::Undelivered };
        vec![
            reference.as_str().into(),
            outcome.as_str().into(),
            r.code.as_str().into(),
            r.provider_id.as_str().into(),
        ]
    });
    let raw = Raw::new(tx, "WITH o (reference, outcome, code, provider_id) AS (").rows(rows).sql(
        ") UPDATE attempt SET outcome = CASE attempt.outcome WHEN 'delivered' THEN attempt.outcome ELSE o.outcome END, \
         code = o.code, provider_id = COALESCE(attempt.provider_id, NULLIF(o.provider_id, '')), finished_at = COALESCE(attempt.finished_at, ",
    );
    let raw = raw.bind(now).sql(") FROM o WHERE attempt.reference = o.reference");
    tx.execute_raw(raw.done()).await.map(|_| ())
}

async fn settle(
    tx: &impl ConnectionTrait,
    ids: &[Uuid],
    event: DeliveryEvent,
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(tx, "UPDATE delivery SET lease_owner = NULL, lease_until = NULL, state = ");
    let raw = raw.bind(state::to(event).as_str()).sql(", settled_at = ").bind(now);
    let raw = raw.sql(&format!(", code = {}", reason(event)));
    let raw = raw.sql(", accepted_at = COALESCE(accepted_at, ").bind(now).sql(") WHERE id").any(ids);
    let from = if bugs::has(Bug::ReceiptsBackwards) { DeliveryState::ALL } else { state::from(event) };
    let raw = raw.sql(&format!(" AND state IN ({}) RETURNING id", words(from)));
    tx.query_all_raw(raw.done()).await?.iter().map(|row| row.try_get("", "id")).collect()
}

/// What the code of a delivery becomes: the provider's word for a failure, which its newest attempt has by now.
const fn reason(event: DeliveryEvent) -> &'static str {
    match event {
        DeliveryEvent::FailToDeliver => {
            "(SELECT t.code FROM attempt t WHERE t.delivery_id = delivery.id ORDER BY t.started_at DESC, t.epoch DESC LIMIT 1)"
        }
        DeliveryEvent::Deliver
        | DeliveryEvent::Claim
        | DeliveryEvent::Accept
        | DeliveryEvent::Refuse
        | DeliveryEvent::GiveUp
        | DeliveryEvent::LoseAnswer
        | DeliveryEvent::Resend
        | DeliveryEvent::Expire
        | DeliveryEvent::Cancel
        | DeliveryEvent::LoseNumber
        | DeliveryEvent::Skip
        | DeliveryEvent::Revive => "NULL",
    }
}

/// The SMS arrived: the call that waited for its receipt is not needed.
async fn skip_calls(tx: &impl ConnectionTrait, messages: &[Uuid], now: Timestamp) -> Result<(), DbErr> {
    if messages.is_empty() {
        return Ok(());
    }
    let raw = Raw::new(tx, "UPDATE delivery SET state = 'skipped', code = 'receipt_came', lease_until = NULL, settled_at = ").bind(now).sql(
        " WHERE rung_kind = 'call_without_receipt' AND state = 'pending' AND notice_id IN (SELECT s.notice_id \
         FROM delivery s WHERE s.rung_kind = 'sms' AND s.id",
    );
    tx.execute_raw(raw.any(messages).sql(")").done()).await.map(|_| ())
}
