//! The append-only, hash-chained audit log.
//!
//! An entry is appended in the transaction of the act it records: one entry per accepted act, none for a refused one.
//! Appending transactions take turns (an advisory lock on PostgreSQL, the one writer on SQLite), so that the chain has
//! no gaps.

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::{Entry, GENESIS, Purpose, chain_hash};
use mashang_domain::time::Timestamp;
use mashang_entity::{audit, audit_anchor};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};
use serde_json::Value;
use uuid::Uuid;

/// The lock under which PostgreSQL transactions append.
const APPEND_LOCK: i64 = 0x6d61_7368_616e_6701;

/// An act, as the log records it. `detail` holds ids, counts and words; never a number, a name or a text of a person.
#[derive(Debug, Clone)]
pub struct Act<'a> {
    pub actor: &'a Actor,
    /// `subject.verb`, such as `case.report`.
    pub action: &'static str,
    pub purpose: Purpose,
    /// The person whose data was looked at or changed.
    pub subject: Option<Uuid>,
    pub object_kind: &'static str,
    pub object_id: String,
    pub detail: Value,
}

/// Appends one act. Call it last in a transaction: the lock is held until the commit.
pub async fn append(tx: &impl ConnectionTrait, act: Act<'_>, now: Timestamp) -> Result<(), DbErr> {
    append_all(tx, std::slice::from_ref(&act), now).await
}

/// Appends several acts in their order.
pub async fn append_all(tx: &impl ConnectionTrait, acts: &[Act<'_>], now: Timestamp) -> Result<(), DbErr> {
    if acts.is_empty() {
        return Ok(());
    }
    let backend = tx.get_database_backend();
    if backend == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({APPEND_LOCK})");
        tx.execute_raw(Statement::from_string(backend, lock)).await?;
    }
    let (mut seq, mut previous) = head(tx).await?;
    let mut rows = Vec::with_capacity(acts.len());
    for act in acts {
        seq += 1;
        let actor_id = act.actor.id();
        let entry = Entry {
            seq,
            at: now,
            actor_kind: act.actor.kind(),
            actor_id: &actor_id,
            action: act.action,
            purpose: act.purpose.as_str(),
            subject: act.subject,
            object_kind: act.object_kind,
            object_id: &act.object_id,
            detail: &canonical(&act.detail),
        };
        let hash = chain_hash(&previous, &entry).to_vec();
        rows.push(audit::ActiveModel {
            seq: Set(seq),
            at: Set(now),
            actor_kind: Set(act.actor.kind().to_owned()),
            actor_id: Set(actor_id),
            action: Set(act.action.to_owned()),
            purpose: Set(act.purpose.as_str().to_owned()),
            subject: Set(act.subject),
            object_kind: Set(act.object_kind.to_owned()),
            object_id: Set(act.object_id.clone()),
            detail: Set(act.detail.clone()),
            previous: Set(std::mem::replace(&mut previous, hash.clone())),
            hash: Set(hash),
        });
    }
    audit::Entity::insert_many(rows).exec_without_returning(tx).await.map(|_| ())
}

/// Sequence number and hash of the newest entry (or of the anchor, or of the beginning).
pub async fn head(db: &impl ConnectionTrait) -> Result<(i64, Vec<u8>), DbErr> {
    if let Some(row) = audit::Entity::find().order_by_desc(audit::Column::Seq).limit(1).one(db).await? {
        return Ok((row.seq, row.hash));
    }
    anchor(db).await
}

/// Where the chain starts: the anchor that retention left, or the beginning.
pub async fn anchor(db: &impl ConnectionTrait) -> Result<(i64, Vec<u8>), DbErr> {
    let anchor = audit_anchor::Entity::find_by_id(1).one(db).await?;
    Ok(anchor.map_or((0, GENESIS.to_vec()), |a| (a.seq, a.hash)))
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Intact {
        entries: i64,
        head: Vec<u8>,
    },
    /// The first row that is not what was appended, and how it differs.
    Broken {
        seq: i64,
        reason: &'static str,
    },
}

/// Walks the whole chain in pages.
pub async fn verify(db: &impl ConnectionTrait) -> Result<Verdict, DbErr> {
    let from = anchor(db).await?;
    follow(db, from, &|| ()).await
}

/// Walks the chain from behind an entry that was checked before, and calls `page_read` after every page.
pub(crate) async fn follow(
    db: &impl ConnectionTrait,
    from: (i64, Vec<u8>),
    page_read: &impl Fn(),
) -> Result<Verdict, DbErr> {
    const PAGE: u64 = 5_000;
    let (mut seq, mut previous) = from;
    let mut entries = 0;
    loop {
        let page = audit::Entity::find()
            .filter(audit::Column::Seq.gt(seq))
            .order_by_asc(audit::Column::Seq)
            .limit(PAGE)
            .all(db)
            .await?;
        page_read();
        if page.is_empty() {
            return Ok(Verdict::Intact { entries, head: previous });
        }
        for row in page {
            if let Some(reason) = fault(&row, seq + 1, &previous) {
                return Ok(Verdict::Broken { seq: seq + 1, reason });
            }
            seq = row.seq;
            previous = row.hash;
            entries += 1;
        }
    }
}

/// As [`verify`], and the log must still hold the entry that was noted down as its head before: a log that was cut at
/// its newest end verifies by itself.
pub async fn verify_with_head(
    db: &impl ConnectionTrait,
    noted_seq: i64,
    noted_hash: &[u8],
) -> Result<Verdict, DbErr> {
    let verdict = verify(db).await?;
    let (anchor, _) = anchor(db).await?;
    if noted_seq <= anchor || matches!(verdict, Verdict::Broken { .. }) {
        return Ok(verdict);
    }
    Ok(missing_head(db, noted_seq, noted_hash).await?.unwrap_or(verdict))
}

/// `None`: the entry that was noted as the head is still there.
pub(crate) async fn missing_head(
    db: &impl ConnectionTrait,
    seq: i64,
    hash: &[u8],
) -> Result<Option<Verdict>, DbErr> {
    let reason = match audit::Entity::find_by_id(seq).one(db).await? {
        Some(row) if row.hash == hash => return Ok(None),
        Some(_) => "this is not the entry that was noted as the head",
        None => "the log ends before the head that was noted",
    };
    Ok(Some(Verdict::Broken { seq, reason }))
}

/// When the newest entry was written; `None` where there is none.
pub async fn newest_at(db: &impl ConnectionTrait) -> Result<Option<Timestamp>, DbErr> {
    let newest = audit::Entity::find().select_only().column(audit::Column::At);
    newest.order_by_desc(audit::Column::Seq).limit(1).into_tuple().one(db).await
}

fn fault(row: &audit::Model, expected_seq: i64, previous: &[u8]) -> Option<&'static str> {
    if row.seq != expected_seq {
        return Some("the entry is missing");
    }
    if row.previous != previous {
        return Some("the entry does not follow the one before");
    }
    let detail = canonical(&row.detail);
    let entry = Entry {
        seq: row.seq,
        at: row.at,
        actor_kind: &row.actor_kind,
        actor_id: &row.actor_id,
        action: &row.action,
        purpose: &row.purpose,
        subject: row.subject,
        object_kind: &row.object_kind,
        object_id: &row.object_id,
        detail: &detail,
    };
    (chain_hash(previous, &entry).as_slice() != row.hash).then_some("the entry was changed")
}

/// JSON with sorted keys: PostgreSQL's jsonb forgets the order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(k, _)| k.as_str());
            let inner: Vec<String> = pairs
                .into_iter()
                .map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical(v)))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Entries about one person, newest first: who looked, in what office, why and when.
pub async fn about(
    db: &impl ConnectionTrait,
    person: Uuid,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<audit::Model>, DbErr> {
    let mut query = audit::Entity::find().filter(audit::Column::Subject.eq(person));
    if let Some(seq) = before {
        query = query.filter(audit::Column::Seq.lt(seq));
    }
    query.order_by_desc(audit::Column::Seq).limit(limit).all(db).await
}

/// Entries of the whole log, newest first.
pub async fn page(
    db: &impl ConnectionTrait,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<audit::Model>, DbErr> {
    let mut query = audit::Entity::find();
    if let Some(seq) = before {
        query = query.filter(audit::Column::Seq.lt(seq));
    }
    query.order_by_desc(audit::Column::Seq).limit(limit).all(db).await
}
