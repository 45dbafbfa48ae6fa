//! Deliveries: claimed before they are sent, recorded after, swept when something was lost in between.
//!
//! Every statement names the states it starts from, as [`mashang_domain::delivery::state`] does, and touches many rows
//! at once. A claim bumps the epoch; whatever is written for a claim afterwards is fenced by epoch and owner, so that a
//! worker that woke up too late changes nothing.

mod asked;
mod claim;
mod dead_letter;
mod login;
mod receipt;
mod record;
mod sent;
mod sweep;
mod tally;

pub use asked::{Ask, Asked, acknowledge, deny, people_of, take_to_ask};
pub use claim::{
    Claim, NewAttempt, Unanswered, claim, logins, open_attempts, people, told_before, unanswered,
    write_attempts,
};
pub use dead_letter::{Wanted, dead_letters, of_alert, resend, resend_all, wake};
pub use login::enqueue_login;
pub use receipt::{Match, ReceiptRow, Received, Took, apply_receipts, took};
pub use record::{Settled, change_gateway, move_waiting_calls, record};
pub use sent::{SentTo, sent_to};
pub use sweep::{
    Backlog, Due, Lost, Reconcile, Resolved, backlog, end_lost_leases, expire, give_back, pause_calls,
    resolve_unknown, settle_calls, settle_without_receipt, take_due,
};
pub use tally::{Standing, Tally, standing, tally};

use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::statement::Raw;
use crate::bugs::{self, Bug};

/// `pending -> cancelled` for the deliveries of an alert.
pub async fn cancel_pending(tx: &impl ConnectionTrait, alert: Uuid, now: Timestamp) -> Result<u64, DbErr> {
    if bugs::has(Bug::CancelIgnored) {
        return Ok(0);
    }
    let raw =
        Raw::new(tx, "UPDATE delivery SET state = 'cancelled', code = 'alert_cancelled', lease_until = NULL, settled_at = ").bind(now);
    let raw = raw.sql(" WHERE stage = 0 AND state = 'pending' AND alert_id = ").bind(alert);
    Ok(tx.execute_raw(raw.done()).await?.rows_affected())
}

/// Whether calls for an alert are on their way right now.
pub async fn any_in_flight(db: &impl ConnectionTrait, alert: Uuid) -> Result<bool, DbErr> {
    let raw =
        Raw::new(db, "SELECT 1 AS one FROM delivery WHERE stage = 0 AND state = 'sending' AND alert_id = ")
            .bind(alert);
    Ok(db.query_one_raw(raw.sql(" LIMIT 1").done()).await?.is_some())
}

/// Gives up a delivery whose row cannot be read, so that it stops nobody else.
pub async fn quarantine(db: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<bool, DbErr> {
    let raw =
        Raw::new(db, "UPDATE delivery SET state = 'failed', code = 'unreadable', settled_at = ").bind(now);
    let raw = raw.sql(" WHERE state = 'pending' AND id = ").bind(id);
    Ok(db.execute_raw(raw.done()).await?.rows_affected() == 1)
}
