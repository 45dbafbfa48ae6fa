//! The work list: written by the sweep and by people who ask for a call, worked off by officials.

use mashang_domain::alert::work::{
    TAKEN_FOR, WorkReason, WorkResult, WorkState, after, has_missed, may_tell,
};
use mashang_domain::delivery::DeliveryState;
use mashang_domain::person::Division;
use mashang_domain::time::Timestamp;
use mashang_entity::work_item;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait};
use uuid::Uuid;

use super::statement::{Raw, random_uuid, words};

fn states(of: fn(DeliveryState) -> bool) -> String {
    let all: Vec<DeliveryState> = DeliveryState::ALL.iter().copied().filter(|s| of(*s)).collect();
    words(&all)
}

/// Puts people on the list whom no rung reached ([`mashang_domain::alert::work::belongs`]), of these levels and of alerts
/// that stand; of those whose last rung settled after `since`. A person stands on it once an alert. Answers how many.
pub async fn add_missed(
    tx: &impl ConnectionTrait,
    levels: &[i16],
    since: Timestamp,
    now: Timestamp,
) -> Result<u64, DbErr> {
    if levels.is_empty() {
        return Ok(0);
    }
    let id = random_uuid(tx.get_database_backend() == DbBackend::Postgres);
    let levels = levels.iter().map(i16::to_string).collect::<Vec<_>>().join(", ");
    let raw = Raw::new(
        tx,
        &format!(
            "INSERT INTO work_item (id, alert_id, notice_id, person_id, level, reason, state, calls, created_at) \
             SELECT {id}, m.alert_id, m.notice_id, m.person_id, m.level, \
             CASE WHEN EXISTS (SELECT 1 FROM person p WHERE p.id = m.person_id) THEN '{}' ELSE '{}' END, '{}', 0, ",
            WorkReason::NotReached,
            WorkReason::NoNumber,
            WorkState::Open
        ),
    );
    let raw = raw.bind(now).sql(&format!(
        " FROM (SELECT DISTINCT d.alert_id, d.notice_id, d.person_id, d.level FROM delivery d JOIN alert a ON a.id = d.alert_id \
         WHERE a.state IN ('sending', 'done') AND d.stage = 2 AND d.state IN ({}) AND d.notice_id IS NOT NULL AND d.person_id IS NOT NULL \
         AND d.level IN ({levels}) AND d.settled_at > ",
        states(has_missed)
    ));
    let raw = raw.bind(since).sql(&format!(
        " AND NOT EXISTS (SELECT 1 FROM work_item w WHERE w.notice_id = d.notice_id) \
         AND NOT EXISTS (SELECT 1 FROM delivery o WHERE o.notice_id = d.notice_id AND o.state IN ({}))) m \
         WHERE true ON CONFLICT (notice_id) DO NOTHING",
        states(may_tell)
    ));
    Ok(tx.execute_raw(raw.done()).await?.rows_affected())
}

/// Takes off the list who was reached after all, confirmed the notice, or was warned by an alert that was taken back.
pub async fn withdraw(tx: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    let raw = Raw::new(tx, "UPDATE work_item SET state = 'withdrawn', done_at = ").bind(now).sql(
        " WHERE state = 'open' AND (EXISTS (SELECT 1 FROM alert a WHERE a.id = work_item.alert_id AND a.state = 'cancelled') \
         OR EXISTS (SELECT 1 FROM alert k WHERE k.corrects = work_item.alert_id AND k.state IN ('approved', 'sending', 'done')) \
         OR reason <> 'call_back' AND (EXISTS (SELECT 1 FROM notice n WHERE n.id = work_item.notice_id AND n.acknowledged_at IS NOT NULL) \
         OR EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = work_item.notice_id AND d.state = 'delivered')))",
    );
    Ok(tx.execute_raw(raw.done()).await?.rows_affected())
}

/// Somebody asked for a call about their notice: they stand on the list, again if it was done with.
pub async fn call_back(tx: &impl ConnectionTrait, notice: Uuid, now: Timestamp) -> Result<(), DbErr> {
    let raw = Raw::new(
        tx,
        "INSERT INTO work_item (id, alert_id, notice_id, person_id, level, reason, state, calls, created_at) SELECT ",
    );
    let raw =
        raw.bind(Uuid::now_v7()).sql(", alert_id, id, person_id, level, 'call_back', 'open', 0, ").bind(now);
    let raw = raw.sql(" FROM notice WHERE id = ").bind(notice).sql(
        " ON CONFLICT (notice_id) DO UPDATE SET reason = 'call_back', \
         state = CASE work_item.state WHEN 'taken' THEN 'taken' ELSE 'open' END, done_at = NULL, result = NULL",
    );
    tx.execute_raw(raw.done()).await.map(|_| ())
}

/// The wish for a call was taken back.
pub async fn no_call_back(tx: &impl ConnectionTrait, notice: Uuid, now: Timestamp) -> Result<(), DbErr> {
    let raw = Raw::new(tx, "UPDATE work_item SET state = 'withdrawn', done_at = ").bind(now);
    let raw = raw.sql(" WHERE state = 'open' AND reason = 'call_back' AND notice_id = ").bind(notice);
    tx.execute_raw(raw.done()).await.map(|_| ())
}

/// Which part of the list is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    pub state: Option<WorkState>,
    pub alert: Option<Uuid>,
    /// The last item of the page before.
    pub after: Option<Uuid>,
    pub limit: u64,
}

/// A page of a division's list: highest level first, then oldest.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    part: &Part,
) -> Result<Vec<work_item::Model>, DbErr> {
    let raw = of_division(Raw::new(db, "SELECT w.* FROM work_item w"), division);
    let raw = match part.state {
        Some(state) => raw.sql(" AND w.state = ").bind(state.as_str()),
        None => raw,
    };
    let raw = match part.alert {
        Some(alert) => raw.sql(" AND w.alert_id = ").bind(alert),
        None => raw,
    };
    let last = match part.after {
        Some(id) => work_item::Entity::find_by_id(id).one(db).await?,
        None => None,
    };
    let raw = match last {
        Some(l) => {
            let raw = raw.sql(" AND (w.level < ").bind(l.level).sql(" OR w.level = ").bind(l.level);
            let raw = raw.sql(" AND (w.created_at > ").bind(l.created_at).sql(" OR w.created_at = ");
            raw.bind(l.created_at).sql(" AND w.id > ").bind(l.id).sql("))")
        }
        None => raw,
    };
    let raw = raw.sql(" ORDER BY w.level DESC, w.created_at, w.id LIMIT ");
    let raw = raw.bind(i64::try_from(part.limit).unwrap_or(i64::MAX));
    work_item::Entity::find().from_raw_sql(raw.done()).all(db).await
}

/// One item of a division's list.
pub async fn by_id(
    db: &impl ConnectionTrait,
    id: Uuid,
    division: &Division,
) -> Result<Option<work_item::Model>, DbErr> {
    let raw = of_division(Raw::new(db, "SELECT w.* FROM work_item w"), division).sql(" AND w.id = ").bind(id);
    work_item::Entity::find().from_raw_sql(raw.done()).one(db).await
}

fn of_division(raw: Raw, division: &Division) -> Raw {
    raw.sql(" JOIN alert a ON a.id = w.alert_id WHERE a.division_code LIKE ")
        .bind(format!("{}%", division.prefix()))
}

/// `open -> taken` by one of many; again by the same one; from somebody who took it too long ago.
pub async fn take(tx: &impl ConnectionTrait, id: Uuid, by: Uuid, now: Timestamp) -> Result<bool, DbErr> {
    let raw = Raw::new(tx, "UPDATE work_item SET state = 'taken', taken_by = ").bind(by);
    let raw = raw.sql(", taken_at = ").bind(now).sql(" WHERE id = ").bind(id);
    let raw = raw.sql(" AND (state = 'open' OR state = 'taken' AND (taken_by = ").bind(by);
    let raw = raw.sql(" OR taken_at <= ").bind(now - TAKEN_FOR).sql("))");
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// `taken -> done`, or `open` again, by who took it.
pub async fn report(
    tx: &impl ConnectionTrait,
    id: Uuid,
    by: Uuid,
    result: WorkResult,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let state = after(result);
    let (calls, done_at) = match state {
        WorkState::Open => (1, None),
        WorkState::Taken | WorkState::Done | WorkState::Withdrawn => (0, Some(now)),
    };
    let raw = Raw::new(tx, "UPDATE work_item SET state = ").bind(state.as_str());
    let raw = raw.sql(", result = ").bind(result.as_str()).sql(", calls = calls + ").bind(calls);
    let raw =
        raw.sql(", done_at = ").bind(done_at).sql(", taken_at = NULL WHERE state = 'taken' AND taken_by = ");
    let raw = raw.bind(by).sql(" AND id = ").bind(id);
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// How many items stand in a state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Length {
    pub open: i64,
    pub taken: i64,
    pub oldest_open: Option<Timestamp>,
}

/// How long the list is, drills left out.
pub async fn length(db: &impl ConnectionTrait) -> Result<Length, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT w.state, count(*) AS n, min(w.created_at) AS oldest FROM work_item w JOIN alert a ON a.id = w.alert_id \
         WHERE w.state IN ('open', 'taken') AND NOT a.drill GROUP BY w.state",
    );
    let mut length = Length::default();
    for row in db.query_all_raw(raw.done()).await? {
        let (state, n): (String, i64) = (row.try_get("", "state")?, row.try_get("", "n")?);
        if state == WorkState::Open.as_str() {
            (length.open, length.oldest_open) = (n, row.try_get("", "oldest")?);
        } else {
            length.taken = n;
        }
    }
    Ok(length)
}
