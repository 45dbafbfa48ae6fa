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
    let raw =
        Raw::new(tx, "WITH who AS MATERIALIZED (SELECT id, phone_hash FROM person WHERE id").any(people);
    // The number of a login code may be that of a person.
    let raw = if logins.is_empty() {
        raw
    } else {
        let raw = raw.sql(" UNION SELECT p.id, l.phone_hash FROM login_code l LEFT JOIN person p ON p.phone_hash = l.phone_hash WHERE l.id");
        raw.any(logins)
    };
    let raw = raw.sql(") SELECT who.phone_hash, t.gateway, t.started_at FROM who");
    let raw = one_by_one(raw, "n", "notice", "n.person_id = who.id");
    let raw = one_by_one(raw, "d", "delivery", "d.notice_id = n.id");
    let raw =
        one_by_one(raw, "t", "attempt", "t.delivery_id = d.id").sql(" WHERE t.started_at > ").bind(since);
    let raw = raw.sql(COUNTS).sql(" UNION ALL SELECT l.phone_hash, t.gateway, t.started_at FROM who");
    let raw = one_by_one(raw, "l", "login_code", "l.phone_hash = who.phone_hash");
    let raw = one_by_one(raw, "d", "delivery", "d.login_id = l.id");
    let raw =
        one_by_one(raw, "t", "attempt", "t.delivery_id = d.id").sql(" WHERE l.created_at > ").bind(since);
    let raw = raw.sql(" AND t.started_at > ").bind(since).sql(COUNTS);
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

/// Joins rows to those before, in this order and by index, whatever the statistics of a table that is just filling say.
pub(super) fn one_by_one(raw: Raw, name: &str, table: &str, on: &str) -> Raw {
    raw.either(
        &format!(" CROSS JOIN LATERAL (SELECT * FROM {table} AS {name} WHERE {on} OFFSET 0) AS {name}"),
        &format!(" CROSS JOIN {table} AS {name} ON {on}"),
    )
}
