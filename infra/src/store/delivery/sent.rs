//! What numbers got lately, for the caps that providers put on one number.

use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::store::statement::Raw;

/// A message or call to a number that a provider counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentTo {
    /// The keyed hash of the number.
    pub phone_hash: Vec<u8>,
    pub gateway: String,
    pub at: Timestamp,
}

/// Attempts that count: what was taken, what may have been, and what was refused for the number itself.
const COUNTS: &str = " AND (t.outcome IS NULL OR t.outcome NOT IN ('not_begun', 'retry', 'throttled', 'account', 'configuration'))";

/// What went to these people, and to the numbers of these login codes, after `since`: warnings and login codes alike.
pub async fn sent_to(
    tx: &impl ConnectionTrait,
    people: &[Uuid],
    logins: &[Uuid],
    since: Timestamp,
) -> Result<Vec<SentTo>, DbErr> {
    if people.is_empty() && logins.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(tx, "WITH who AS (SELECT phone_hash FROM person WHERE id").any(people);
    let raw = raw.sql(" UNION SELECT phone_hash FROM login_code WHERE id").any(logins);
    let raw = raw.sql(
        ") SELECT p.phone_hash, t.gateway, t.started_at FROM who JOIN person p ON p.phone_hash = who.phone_hash \
         JOIN notice n ON n.person_id = p.id JOIN delivery d ON d.notice_id = n.id JOIN attempt t ON t.delivery_id = d.id \
         WHERE t.started_at > ",
    );
    let raw = raw.bind(since).sql(COUNTS).sql(
        " UNION ALL SELECT l.phone_hash, t.gateway, t.started_at FROM who JOIN login_code l ON l.phone_hash = who.phone_hash \
         JOIN delivery d ON d.login_id = l.id JOIN attempt t ON t.delivery_id = d.id WHERE l.created_at > ",
    );
    let raw = raw.bind(since).sql(" AND t.started_at > ").bind(since).sql(COUNTS);
    let rows = tx.query_all_raw(raw.done()).await?;
    rows.iter()
        .map(|row| {
            Ok(SentTo {
                phone_hash: row.try_get("", "phone_hash")?,
                gateway: row.try_get("", "gateway")?,
                at: row.try_get("", "started_at")?,
            })
        })
        .collect()
}
