//! Changes of colours by officials: those that were made, and those that wait for a second official.

use mashang_domain::health::RequestState;
use mashang_domain::health::request::RequestFacts;
use mashang_domain::person::Division;
use mashang_domain::time::{HOUR, Timestamp};
use mashang_entity::colour_change::{self, Column};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::scan::lock_numbers;
use super::statement::Raw;

/// What the rules need to know of it.
pub const fn facts(row: &colour_change::Model) -> RequestFacts {
    RequestFacts { state: row.state, by: row.requested_by, expires_at: row.expires_at }
}

/// Lets the changes of one official take turns until the transaction ends, so that they can be counted.
pub async fn take_turn(tx: &impl ConnectionTrait, official: Uuid) -> Result<(), DbErr> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let turn = lock_numbers(&[official]).into_iter().next().unwrap_or_default();
    let turn = Raw::new(tx, "SELECT pg_advisory_xact_lock(").bind(turn).sql(")");
    tx.query_one_raw(turn.done()).await.map(|_| ())
}

/// When this official asked for the changes of the last hour that were made, and for those with a later time than `now`; no
/// more than `most` of them.
pub async fn lately(
    db: &impl ConnectionTrait,
    official: Uuid,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Timestamp>, DbErr> {
    let made = colour_change::Entity::find().select_only().column(Column::RequestedAt);
    let made = made.filter(Column::RequestedBy.eq(official)).filter(Column::RequestedAt.gt(now - HOUR));
    let made = made.filter(Column::State.eq(RequestState::Applied));
    made.limit(u64::try_from(most).unwrap_or(u64::MAX)).into_tuple().all(db).await
}

/// Adds a change.
pub async fn insert(tx: &impl ConnectionTrait, row: colour_change::Model) -> Result<(), DbErr> {
    let row: colour_change::ActiveModel = row.into();
    colour_change::Entity::insert(row.reset_all()).exec_without_returning(tx).await.map(|_| ())
}

/// Ends the requests about a person that nobody has decided on in time.
pub async fn expire(tx: &impl ConnectionTrait, person: Uuid, now: Timestamp) -> Result<(), DbErr> {
    let late = Raw::new(tx, "UPDATE colour_change SET state = ").bind(RequestState::Expired.as_str());
    let late = late.sql(" WHERE state = ").bind(RequestState::AwaitingSecond.as_str());
    let late = late.sql(" AND person_id = ").bind(person).sql(" AND expires_at <= ").bind(now);
    tx.execute_raw(late.done()).await.map(|_| ())
}

/// The request about a person that waits.
pub async fn waiting_of(
    db: &impl ConnectionTrait,
    person: Uuid,
) -> Result<Option<colour_change::Model>, DbErr> {
    let waiting = colour_change::Entity::find().filter(Column::PersonId.eq(person));
    waiting.filter(Column::State.eq(RequestState::AwaitingSecond)).one(db).await
}

/// A request, held for a decision until the transaction ends.
pub async fn hold(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<colour_change::Model>, DbErr> {
    let raw = Raw::new(tx, "SELECT * FROM colour_change WHERE id = ").bind(id).either(" FOR UPDATE", "");
    colour_change::Entity::find().from_raw_sql(raw.done()).one(tx).await
}

/// `awaiting_second ->` this state, by a second official.
pub async fn settle(
    tx: &impl ConnectionTrait,
    id: Uuid,
    state: RequestState,
    by: Uuid,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let raw = Raw::new(tx, "UPDATE colour_change SET state = ").bind(state.as_str());
    let raw = raw.sql(", decided_by = ").bind(by).sql(", decided_at = ").bind(now);
    let raw = raw.sql(" WHERE id = ").bind(id);
    let raw = raw.sql(" AND state = ").bind(RequestState::AwaitingSecond.as_str());
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// Changes of a division, newest first, from before `before` on; `state` is that at `now`.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    state: Option<RequestState>,
    before: Option<Uuid>,
    limit: u64,
    now: Timestamp,
) -> Result<Vec<colour_change::Model>, DbErr> {
    let waits = Column::State.eq(RequestState::AwaitingSecond);
    let mut query = colour_change::Entity::find().filter(Column::DivisionCode.starts_with(division.prefix()));
    query = match state {
        None => query,
        Some(RequestState::AwaitingSecond) => query.filter(waits).filter(Column::ExpiresAt.gt(now)),
        Some(RequestState::Expired) => {
            let late = waits.and(Column::ExpiresAt.lte(now));
            query.filter(late.or(Column::State.eq(RequestState::Expired)))
        }
        Some(state) => query.filter(Column::State.eq(state)),
    };
    if let Some(id) = before {
        query = query.filter(Column::Id.lt(id));
    }
    query.order_by_desc(Column::Id).limit(limit).all(db).await
}

/// These changes, in no order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<colour_change::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Raw::new(db, "SELECT * FROM colour_change WHERE id").any(ids).done();
    colour_change::Entity::find().from_raw_sql(rows).all(db).await
}

/// Everything that was asked for about a person, oldest first.
pub async fn of_person(db: &impl ConnectionTrait, person: Uuid) -> Result<Vec<colour_change::Model>, DbErr> {
    let rows = colour_change::Entity::find().filter(Column::PersonId.eq(person));
    rows.order_by_asc(Column::Id).all(db).await
}

/// Deletes what is kept about a person.
pub(super) async fn erase(tx: &impl ConnectionTrait, person: Uuid) -> Result<(), DbErr> {
    colour_change::Entity::delete_many().filter(Column::PersonId.eq(person)).exec(tx).await.map(|_| ())
}

/// Somebody whose days are done and who waits for an official's release.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Waiting {
    pub person_id: Uuid,
    pub division_code: String,
    pub reason: String,
    pub since: Timestamp,
    pub days_required: i16,
    /// When the days were done.
    pub waiting_since: Timestamp,
}

/// Who awaits release in a division, the longest waiting first; `after` is the last of the page before.
pub async fn awaiting_release(
    db: &impl ConnectionTrait,
    division: &Division,
    after: Option<(Timestamp, Uuid)>,
    limit: u64,
) -> Result<Vec<Waiting>, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT * FROM (SELECT h.person_id, h.division_code, h.reason, h.since, h.days_required, \
         coalesce((SELECT max(c.at) FROM health_change c WHERE c.person_id = h.person_id AND c.reason = 'awaiting_release'), h.since) \
         AS waiting_since FROM health h WHERE h.colour = 'red' AND h.days_left = 0 AND ",
    );
    let raw = raw.within("h.division_code", division).sql(") w");
    let raw = match after {
        Some((at, person)) => {
            let raw = raw.sql(" WHERE (w.waiting_since > ").bind(at).sql(" OR w.waiting_since = ").bind(at);
            raw.sql(" AND w.person_id > ").bind(person).sql(")")
        }
        None => raw,
    };
    let raw = raw.sql(" ORDER BY w.waiting_since, w.person_id LIMIT ");
    let raw = raw.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    Waiting::find_by_statement(raw.done()).all(db).await
}
