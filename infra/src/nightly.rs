//! The nightly deletion: due once a day at `retention.hour` in Asia/Shanghai, run by one process, made up for when it
//! was missed.
//!
//! A runner that dies leaves its tick claimed and unfinished; an hour later whoever looks next claims a further tick of
//! the same night and deletes the rest.

use mashang_config::Retention;
use mashang_domain::time::{DAY, HOUR, Timestamp};
use sea_orm::DbErr;
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::db::Db;
use crate::lease;
use crate::store::retention::{JOB, PurgeCount, purge};

/// The latest instant at or before `now` at which the job was due.
pub fn due_at(hour: u32, now: Timestamp) -> Timestamp {
    let today = now.shanghai_day_start() + i64::from(hour) * HOUR;
    if today <= now { today } else { today - DAY }
}

/// Runs the deletion when it is due and nobody else does. `None` when there was nothing to do for this process. Call
/// it at start and then every minute.
///
/// # Errors
/// When the database fails; the night's work is tried again within the hour.
pub async fn nightly(db: &Db, settings: &Retention, clock: &Clock) -> Result<Option<Vec<PurgeCount>>, DbErr> {
    let now = clock.now();
    let due = due_at(settings.hour, now);
    if lease::last_finished(db.conn(), JOB).await?.is_some_and(|last| last.tick >= due) {
        return Ok(None);
    }
    let tick = due + (now - due).div_euclid(HOUR) * HOUR;
    if !lease::try_claim_tick(db.conn(), JOB, tick, now).await? {
        return Ok(None);
    }
    let counts = purge(db, settings, now).await?;
    lease::finish_tick(db.conn(), JOB, tick, clock.now(), &result_of(&counts)).await?;
    tracing::info!(job = JOB, tick = %tick, deleted = counts.iter().map(|c| c.deleted).sum::<u64>(), "deleted what is too old");
    Ok(Some(counts))
}

/// The counts as a tick records them: JSON, a number for each table.
pub fn result_of(counts: &[PurgeCount]) -> String {
    let map: Map<String, Value> = counts.iter().map(|c| (c.table.to_owned(), c.deleted.into())).collect();
    Value::Object(map).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_is_the_last_three_o_clock_in_shanghai() {
        let at = |text: &str| Timestamp::parse(text).expect("parses");
        assert_eq!(due_at(3, at("2020-02-12T02:59:59+08:00")), at("2020-02-11T03:00:00+08:00"));
        assert_eq!(due_at(3, at("2020-02-12T03:00:00+08:00")), at("2020-02-12T03:00:00+08:00"));
        assert_eq!(due_at(23, at("2020-02-12T12:00:00+08:00")), at("2020-02-11T23:00:00+08:00"));
    }
}
