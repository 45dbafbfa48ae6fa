//! The hourly check of the audit log, in one process: that the head noted an hour ago is still there, and that every
//! entry since follows the one before. Once a day the whole chain is walked.
//!
//! What was found is noted in the tick of the job. Who can rewrite the log can rewrite that too; so each head is signed
//! and said in the process's own log, which is kept elsewhere (`mashang-api verify-audit --head SEQ:HASH` compares).

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::Signer;
use mashang_domain::time::{DAY, HOUR, Timestamp};
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::db::Db;
use crate::keys::KeyRing;
use crate::lease;
use crate::store::audit::{self, Verdict};

const JOB: &str = "audit_check";

/// What the latest check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// The last entry that was found whole, and its hash in hexadecimal.
    seq: i64,
    hash: String,
    /// When the chain was last found whole, and when all of it.
    verified_at: Option<Timestamp>,
    whole_at: Option<Timestamp>,
    /// The first entry that is wrong.
    broken: Option<i64>,
}

/// How the log stands, for the alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// When the newest entry was written.
    pub newest_at: Option<Timestamp>,
    /// When a check last found the chain whole.
    pub verified_at: Option<Timestamp>,
    /// False when the latest check found a wrong entry.
    pub intact: bool,
}

/// Checks the log when the hour's check is due and nobody else does it. `None` when there was nothing to do for this
/// process. Calls `page_read` while it reads. Call it at start and then every minute.
///
/// # Errors
/// When the database fails. A runner that dies leaves the hour unchecked; the next one checks from the same head.
pub async fn check_when_due(
    db: &Db,
    keys: &KeyRing,
    clock: &Clock,
    page_read: impl Fn(),
) -> Result<Option<Verdict>, DbErr> {
    let now = clock.now();
    let tick = Timestamp(now.millis() - now.millis().rem_euclid(HOUR));
    if !lease::try_claim_tick(db.conn(), JOB, tick, now).await? {
        return Ok(None);
    }
    let before = noted(db.conn()).await?;
    let whole = before.as_ref().is_none_or(|b| b.whole_at.is_none_or(|at| now - at >= DAY));
    let verdict = check(db.conn(), before.as_ref(), whole, &page_read).await?;
    let after = note(before, &verdict, whole, now, audit::anchor(db.conn()).await?);
    say(keys, &verdict, &after, now);
    let result = serde_json::to_string(&after).map_err(|e| DbErr::Custom(e.to_string()))?;
    lease::finish_tick(db.conn(), JOB, tick, clock.now(), &result).await?;
    Ok(Some(verdict))
}

async fn check(
    db: &impl ConnectionTrait,
    before: Option<&Noted>,
    whole: bool,
    page_read: &impl Fn(),
) -> Result<Verdict, DbErr> {
    let anchor = audit::anchor(db).await?;
    let Some((seq, hash)) = before.and_then(Noted::head).filter(|(seq, _)| *seq > anchor.0) else {
        return audit::follow(db, anchor, page_read).await;
    };
    if let Some(missing) = audit::missing_head(db, seq, &hash).await? {
        return Ok(missing);
    }
    let from = if whole { anchor } else { (seq, hash) };
    audit::follow(db, from, page_read).await
}

impl Noted {
    fn head(&self) -> Option<(i64, Vec<u8>)> {
        Some((self.seq, HEXLOWER.decode(self.hash.as_bytes()).ok()?))
    }
}

fn note(
    before: Option<Noted>,
    verdict: &Verdict,
    whole: bool,
    now: Timestamp,
    anchor: (i64, Vec<u8>),
) -> Noted {
    let from = before.unwrap_or(Noted {
        seq: anchor.0,
        hash: HEXLOWER.encode(&anchor.1),
        verified_at: None,
        whole_at: None,
        broken: None,
    });
    match verdict {
        // The head stays, so that the next check finds the same fault.
        Verdict::Broken { seq, .. } => Noted { broken: Some(*seq), ..from },
        Verdict::Intact { entries, head } => {
            let first = if whole || from.seq < anchor.0 { anchor.0 } else { from.seq };
            let whole_at = if whole { Some(now) } else { from.whole_at };
            let (seq, hash) = (first + entries, HEXLOWER.encode(head));
            Noted { seq, hash, verified_at: Some(now), whole_at, broken: None }
        }
    }
}

fn say(keys: &KeyRing, verdict: &Verdict, noted: &Noted, now: Timestamp) {
    match verdict {
        Verdict::Broken { seq, reason } => {
            tracing::error!(audit.seq = seq, reason, "the audit log is not what was appended");
        }
        Verdict::Intact { entries, head } => {
            let signature = sign_head(keys, noted.seq, head, now);
            let (hash, at) = (noted.hash.as_str(), now.millis());
            tracing::info!(audit.seq = noted.seq, hash, at, signature, entries, "the audit log is whole");
        }
    }
}

/// Ed25519 over the lines `mashang/audit-head/v1`, seq, hash, at (milliseconds), joined by line feeds; base64.
pub fn sign_head(keys: &KeyRing, seq: i64, hash: &[u8], at: Timestamp) -> String {
    let text = format!("mashang/audit-head/v1\n{seq}\n{}\n{}", HEXLOWER.encode(hash), at.millis());
    BASE64.encode(&keys.signing_key().sign(text.as_bytes()).to_bytes())
}

async fn noted(db: &impl ConnectionTrait) -> Result<Option<Noted>, DbErr> {
    let last = lease::last_finished(db, JOB).await?;
    Ok(last.and_then(|tick| serde_json::from_str(&tick.result).ok()))
}

/// How the log stands now.
///
/// # Errors
/// When the database is out of reach.
pub async fn standing(db: &impl ConnectionTrait) -> Result<Standing, DbErr> {
    let noted = noted(db).await?;
    Ok(Standing {
        newest_at: audit::newest_at(db).await?,
        verified_at: noted.as_ref().and_then(|n| n.verified_at),
        intact: noted.is_none_or(|n| n.broken.is_none()),
    })
}
