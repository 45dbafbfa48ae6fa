//! What the sweep finds: due and not queued, claimed and abandoned, unknown for too long, stale.
//!
//! Each statement takes a bounded number of rows, skips rows that somebody else holds, and is harmless twice.

use mashang_domain::delivery::Channel;
use mashang_domain::time::{MINUTE, SECOND, Timestamp};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::bugs::{self, Bug};
use crate::store::statement::Raw;

/// Which due deliveries are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    pub logins: bool,
    /// Also those that were queued a while ago: the queue is known to be empty.
    pub queued_too: bool,
    pub now: Timestamp,
    /// Until when the taker answers for having queued them.
    pub queued_until: Timestamp,
    pub limit: u64,
}

/// Due deliveries that nobody has queued lately, marked as queued.
pub async fn take_due(db: &impl ConnectionTrait, due: &Due) -> Result<Vec<Uuid>, DbErr> {
    let kind = if due.logins { "=" } else { "<>" };
    let raw = Raw::new(db, "UPDATE delivery SET lease_until = ").bind(due.queued_until);
    let raw = raw
        .sql(" WHERE id IN (SELECT id FROM delivery WHERE stage = 0 AND state = 'pending' AND due_at <= ")
        .bind(due.now);
    let raw = raw.sql(" AND expires_at > ").bind(due.now).sql(&format!(" AND rung_kind {kind} 'login'"));
    let raw = if due.queued_too {
        raw
    } else {
        raw.sql(" AND (lease_until IS NULL OR lease_until <= ").bind(due.now).sql(")")
    };
    let raw = limited(raw.sql(" ORDER BY due_at"), due.limit).sql(" RETURNING id");
    ids(db, raw).await
}

/// Unmarks those of `ids` that were marked as queued until `queued_until` and still wait: the queue did not get them.
pub async fn give_back(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    queued_until: Timestamp,
) -> Result<u64, DbErr> {
    let mut given_back = 0;
    for part in ids.chunks(500) {
        let raw =
            Raw::new(db, "UPDATE delivery SET lease_until = NULL WHERE stage = 0 AND state = 'pending'");
        let raw = raw.sql(" AND lease_until = ").bind(queued_until).sql(" AND id").any(part);
        given_back += db.execute_raw(raw.done()).await?.rows_affected();
    }
    Ok(given_back)
}

fn limited(raw: Raw, limit: u64) -> Raw {
    let raw = raw.sql(" LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
    raw.either(" FOR UPDATE SKIP LOCKED)", ")")
}

async fn ids(db: &impl ConnectionTrait, raw: Raw) -> Result<Vec<Uuid>, DbErr> {
    db.query_all_raw(raw.done()).await?.iter().map(|row| row.try_get("", "id")).collect()
}

/// When an unknown delivery may be sent again.
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// Milliseconds to wait for a receipt.
    pub wait: i64,
    /// Gateways at which a resend under the same reference is harmless.
    pub idempotent: Vec<String>,
    /// Gateways whose providers can be asked: a lost answer of theirs is sent again when they have said, after the wait, that
    /// they know nothing of it, or when they have not answered for as long once more.
    pub answering: Vec<String>,
}

/// Two calls in a short time frighten people; providers allow one a minute.
const CALL_WAIT: i64 = 10 * MINUTE;

impl Reconcile {
    /// Milliseconds after which a lost answer of this kind is no longer waited for.
    pub fn wait_for(&self, call: bool, gateway: &str) -> i64 {
        if self.idempotent.iter().any(|name| name == gateway) {
            0
        } else if call {
            self.wait.max(CALL_WAIT)
        } else {
            self.wait
        }
    }
}

/// Deliveries whose worker was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// With an attempt that may have reached the provider.
    pub unknown: usize,
    /// Without.
    pub pending: usize,
}

/// `sending -> unknown` where a lease passed with an open attempt, `sending -> pending` where there is none.
pub async fn end_lost_leases(
    db: &impl ConnectionTrait,
    reconcile: &Reconcile,
    now: Timestamp,
    limit: u64,
) -> Result<Lost, DbErr> {
    const OPEN: &str = "EXISTS (SELECT 1 FROM attempt t WHERE t.delivery_id = delivery.id AND t.epoch = delivery.epoch \
                        AND t.finished_at IS NULL)";
    let raw = Raw::new(
        db,
        "UPDATE delivery SET state = 'unknown', lease_owner = NULL, lease_until = NULL, code = 'worker_lost', due_at = CASE WHEN ",
    );
    let raw = at_idempotent(raw, reconcile).sql(" THEN ").bind(now);
    let raw = raw.sql(" WHEN channel = 'voice' THEN ").bind(now + reconcile.wait.max(CALL_WAIT));
    let raw = raw.sql(" ELSE ").bind(now + reconcile.wait).sql(
        " END WHERE id IN (SELECT id FROM delivery WHERE stage = 0 AND state = 'sending' AND lease_until < ",
    );
    let raw = limited(raw.bind(now).sql(" AND ").sql(OPEN), limit).sql(" RETURNING id");
    let unknown = ids(db, raw).await?.len();
    let raw = Raw::new(
        db,
        "UPDATE delivery SET state = 'pending', lease_owner = NULL, lease_until = NULL, due_at = ",
    )
    .bind(now);
    let raw = raw
        .sql(" WHERE id IN (SELECT id FROM delivery WHERE stage = 0 AND state = 'sending' AND lease_until < ")
        .bind(now);
    let raw = limited(raw.sql(" AND NOT ").sql(OPEN), limit).sql(" RETURNING id");
    Ok(Lost { unknown, pending: ids(db, raw).await?.len() })
}

/// Holds when the newest attempt went to a gateway at which a resend is harmless.
fn at_idempotent(raw: Raw, reconcile: &Reconcile) -> Raw {
    let raw = raw.sql(
        "EXISTS (SELECT 1 FROM attempt t WHERE t.delivery_id = delivery.id AND t.epoch = delivery.epoch AND t.gateway",
    );
    raw.any_word(reconcile.idempotent.iter().map(String::as_str)).sql(
        " AND (t.outcome IS NULL OR t.outcome = 'unknown') AND NOT EXISTS (SELECT 1 FROM attempt l WHERE l.delivery_id = t.delivery_id AND l.epoch = t.epoch \
         AND l.started_at > t.started_at))",
    )
}

/// Leaves out what its provider can still be asked about and has not denied since the wait ended.
fn unless_to_be_asked(raw: Raw, reconcile: &Reconcile, now: Timestamp) -> Raw {
    if bugs::has(Bug::ResendUnasked) {
        return raw;
    }
    let raw = raw.sql(" AND (due_at <= ").bind(now - reconcile.wait).sql(
        " OR NOT EXISTS (SELECT 1 FROM attempt t WHERE t.delivery_id = delivery.id AND t.epoch = delivery.epoch \
         AND (t.outcome IS NULL OR t.outcome = 'unknown') AND (t.denied_at IS NULL OR t.denied_at < delivery.due_at) AND t.gateway",
    );
    raw.any_word(reconcile.answering.iter().map(String::as_str)).sql("))")
}

/// Holds for what is never sent twice, whatever becomes of its answer.
fn sent_once() -> String {
    if bugs::has(Bug::SubscribeTwice) {
        return "rung_kind = 'login'".to_owned();
    }
    let channels = Channel::ALL.iter().filter(|channel| !channel.may_resend());
    let channels: Vec<String> = channels.map(|channel| format!("'{channel}'")).collect();
    format!("rung_kind = 'login' OR channel IN ({})", channels.join(", "))
}

/// What became of unknown deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resolved {
    pub given_up: usize,
    /// Pending again where that is harmless.
    pub harmless: usize,
    /// Pending again where a person may now be warned twice.
    pub possible_duplicates: usize,
}

/// Ends the wait for lost answers. A login code and a subscribe message are never sent twice, a warning is sent once more: missing it is worse
/// than hearing it twice. What is stale or was resent before is given up.
pub async fn resolve_unknown(
    db: &impl ConnectionTrait,
    reconcile: &Reconcile,
    now: Timestamp,
    limit: u64,
) -> Result<Resolved, DbErr> {
    let waited = |raw: Raw| {
        raw.sql(" WHERE id IN (SELECT id FROM delivery WHERE stage = 0 AND state = 'unknown' AND due_at <= ")
            .bind(now)
    };
    let raw =
        Raw::new(db, "UPDATE delivery SET state = 'failed', code = 'answer_lost', settled_at = ").bind(now);
    let raw = waited(raw)
        .sql(&format!(" AND ({} OR expires_at <= ", sent_once()))
        .bind(now)
        .sql(" OR possible_duplicates > 0 AND NOT ");
    let raw = limited(at_idempotent(raw, reconcile).sql(")"), limit).sql(" RETURNING id");
    let given_up = ids(db, raw).await?.len();
    let again = "UPDATE delivery SET state = 'pending', lease_until = NULL";
    let raw = waited(Raw::new(db, again))
        .sql(&format!(" AND NOT ({}) AND expires_at > ", sent_once()))
        .bind(now)
        .sql(" AND ");
    let raw = limited(at_idempotent(raw, reconcile), limit).sql(" RETURNING id");
    let harmless = ids(db, raw).await?.len();
    let raw = Raw::new(db, again).sql(", possible_duplicates = possible_duplicates + 1");
    let raw = waited(raw).sql(&format!(" AND NOT ({}) AND expires_at > ", sent_once())).bind(now);
    // Not "the rest": more may have become unknown since, or been left by the limit.
    let raw = at_idempotent(raw.sql(" AND possible_duplicates = 0 AND NOT "), reconcile);
    let raw = limited(unless_to_be_asked(raw, reconcile, now), limit).sql(" RETURNING id");
    Ok(Resolved { given_up, harmless, possible_duplicates: ids(db, raw).await?.len() })
}

/// `pending -> expired` for warnings that became stale.
pub async fn expire(db: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<usize, DbErr> {
    let raw = Raw::new(
        db,
        "UPDATE delivery SET state = 'expired', code = 'too_late', lease_until = NULL, settled_at = ",
    )
    .bind(now);
    let raw = raw
        .sql(" WHERE id IN (SELECT id FROM delivery WHERE stage = 0 AND state = 'pending' AND expires_at <= ")
        .bind(now);
    Ok(ids(db, limited(raw, limit).sql(" RETURNING id")).await?.len())
}

/// Outside the hours of calls: those that are due and not urgent wait for `opening`.
pub async fn pause_calls(
    db: &impl ConnectionTrait,
    opening: Timestamp,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let raw = Raw::new(db, "UPDATE delivery SET lease_until = NULL, due_at = ").bind(opening);
    let raw = raw.sql(
        " WHERE stage = 0 AND state = 'pending' AND channel = 'voice' AND NOT urgent AND rung_kind <> 'login' AND due_at <= ",
    );
    Ok(db.execute_raw(raw.bind(now).done()).await?.rows_affected())
}

/// Calls that wait for a receipt: skipped when the SMS arrived, put off while it is on its way.
pub async fn settle_calls(db: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    const DUE: &str =
        " WHERE stage = 0 AND rung_kind = 'call_without_receipt' AND state = 'pending' AND due_at <= ";
    const SMS: &str = " AND EXISTS (SELECT 1 FROM delivery s WHERE s.notice_id = delivery.notice_id AND s.rung_kind = 'sms' AND s.state IN (";
    let raw = Raw::new(
        db,
        "UPDATE delivery SET state = 'skipped', code = 'receipt_came', lease_until = NULL, settled_at = ",
    )
    .bind(now);
    let raw = raw.sql(DUE).bind(now).sql(SMS).sql("'delivered'))");
    let skipped = db.execute_raw(raw.done()).await?.rows_affected();
    let raw = Raw::new(db, "UPDATE delivery SET lease_until = NULL, due_at = ").bind(now + 30 * SECOND);
    let raw = raw.sql(DUE).bind(now).sql(SMS).sql("'pending', 'sending'))");
    db.execute_raw(raw.done()).await?;
    Ok(skipped)
}

/// Accepted deliveries whose receipt is no longer waited for get their time of settling; their state stays.
pub async fn settle_without_receipt(
    db: &impl ConnectionTrait,
    accepted_before: Timestamp,
    now: Timestamp,
    limit: u64,
) -> Result<usize, DbErr> {
    let raw = Raw::new(db, "UPDATE delivery SET settled_at = ")
        .bind(now)
        .sql(" WHERE id IN (SELECT id FROM delivery WHERE stage = 1 AND accepted_at < ");
    Ok(ids(db, limited(raw.bind(accepted_before), limit).sql(" RETURNING id")).await?.len())
}

/// How much waits, and for how long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    pub due: i64,
    pub oldest_due: Option<Timestamp>,
    pub unknown: i64,
    /// When the oldest of the unknown ones was made.
    pub oldest_unknown: Option<Timestamp>,
    pub sending: i64,
}

/// What is due and not claimed, and what is open otherwise.
pub async fn backlog(db: &impl ConnectionTrait, now: Timestamp) -> Result<Backlog, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT state, count(*) AS n, min(due_at) AS oldest, min(created_at) AS made FROM delivery \
         WHERE stage = 0 AND (state IN ('sending', 'unknown') OR state = 'pending' AND due_at <= ",
    );
    let mut backlog = Backlog::default();
    for row in db.query_all_raw(raw.bind(now).sql(") GROUP BY state").done()).await? {
        let (state, n): (String, i64) = (row.try_get("", "state")?, row.try_get("", "n")?);
        match state.as_str() {
            "pending" => (backlog.due, backlog.oldest_due) = (n, row.try_get("", "oldest")?),
            "unknown" => (backlog.unknown, backlog.oldest_unknown) = (n, row.try_get("", "made")?),
            _ => backlog.sending = n,
        }
    }
    Ok(backlog)
}
