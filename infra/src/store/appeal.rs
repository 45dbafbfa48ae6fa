//! Appeals against colours, and what is asked to decide on them.

use mashang_domain::health::IntegrityKind;
use mashang_domain::health::appeal::AppealState;
use mashang_domain::person::Division;
use mashang_domain::time::Timestamp;
use mashang_entity::appeal::{self, Column};
use mashang_entity::{health_fact, integrity_record};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::statement::Raw;

/// Adds an appeal.
pub async fn insert(tx: &impl ConnectionTrait, row: appeal::Model) -> Result<(), DbErr> {
    let row: appeal::ActiveModel = row.into();
    appeal::Entity::insert(row.reset_all()).exec_without_returning(tx).await.map(|_| ())
}

/// The open appeal of a person.
pub async fn open_of(db: &impl ConnectionTrait, person: Uuid) -> Result<Option<Uuid>, DbErr> {
    let open = appeal::Entity::find().select_only().column(Column::Id).filter(Column::PersonId.eq(person));
    open.filter(Column::State.eq(AppealState::Open)).into_tuple().one(db).await
}

/// Whose appeal it is, and of which division: to take the turn of the person first.
pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<appeal::Model>, DbErr> {
    appeal::Entity::find_by_id(id).one(db).await
}

/// The same, held for a decision until the transaction ends.
pub async fn hold(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<appeal::Model>, DbErr> {
    let raw = Raw::new(tx, "SELECT * FROM appeal WHERE id = ").bind(id).either(" FOR UPDATE", "");
    appeal::Entity::find().from_raw_sql(raw.done()).one(tx).await
}

/// Writes a decided or withdrawn appeal over the open one.
pub async fn settle(tx: &impl ConnectionTrait, row: appeal::Model) -> Result<bool, DbErr> {
    let id = row.id;
    let row: appeal::ActiveModel = row.into();
    let step = appeal::Entity::update_many().set(row.reset_all()).filter(Column::Id.eq(id));
    Ok(step.filter(Column::State.eq(AppealState::Open)).exec(tx).await?.rows_affected == 1)
}

/// The appeals of a person, newest first, from before `before` on.
pub async fn of_person(
    db: &impl ConnectionTrait,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<appeal::Model>, DbErr> {
    let mut query = appeal::Entity::find().filter(Column::PersonId.eq(person));
    if let Some(id) = before {
        query = query.filter(Column::Id.lt(id));
    }
    query.order_by_desc(Column::Id).limit(limit).all(db).await
}

/// Which part of a division's appeals is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    pub state: Option<AppealState>,
    /// Only those that are open after their time, or only all others.
    pub overdue: Option<bool>,
    /// The last of the page before: until when it is due, and its id.
    pub after: Option<(Timestamp, Uuid)>,
    pub limit: u64,
}

/// A page of a division's appeals, in the order in which they are due.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    part: &Part,
    now: Timestamp,
) -> Result<Vec<appeal::Model>, DbErr> {
    let overdue = Column::State.eq(AppealState::Open).and(Column::DueAt.lt(now));
    let mut query = appeal::Entity::find().filter(Column::DivisionCode.starts_with(division.prefix()));
    if let Some(state) = part.state {
        query = query.filter(Column::State.eq(state));
    }
    query = match part.overdue {
        Some(true) => query.filter(overdue),
        Some(false) => query.filter(overdue.not()),
        None => query,
    };
    if let Some((due, id)) = part.after {
        query = query.filter(Column::DueAt.gt(due).or(Column::DueAt.eq(due).and(Column::Id.gt(id))));
    }
    query.order_by_asc(Column::DueAt).order_by_asc(Column::Id).limit(part.limit).all(db).await
}

/// The officials by whose hand or decision the colour of a person came about that began at `since`, or became another one
/// later.
pub async fn setters(db: &impl ConnectionTrait, person: Uuid, since: Timestamp) -> Result<Vec<Uuid>, DbErr> {
    #[derive(FromQueryResult)]
    struct By {
        actor_id: String,
        second_id: Option<Uuid>,
    }
    let by = Raw::new(db, "SELECT actor_id, second_id FROM health_change WHERE person_id = ").bind(person);
    let by = by.sql(" AND kind IN ('manual', 'appeal') AND at >= ").bind(since);
    let rows = By::find_by_statement(by.done()).all(db).await?;
    Ok(rows.into_iter().flat_map(|row| [row.actor_id.parse().ok(), row.second_id]).flatten().collect())
}

/// What was known of a person, newest first, served and withdrawn facts included.
pub async fn facts_of(
    db: &impl ConnectionTrait,
    person: Uuid,
    limit: u64,
) -> Result<Vec<health_fact::Model>, DbErr> {
    use health_fact::Column;
    let facts = health_fact::Entity::find().filter(Column::PersonId.eq(person));
    facts.order_by_desc(Column::At).order_by_asc(Column::Fact).limit(limit).all(db).await
}

/// The integrity record of a person, oldest first.
pub async fn integrity_of(
    db: &impl ConnectionTrait,
    person: Uuid,
) -> Result<Vec<integrity_record::Model>, DbErr> {
    let entries = integrity_record::Entity::find().filter(integrity_record::Column::PersonId.eq(person));
    entries.order_by_asc(integrity_record::Column::Id).all(db).await
}

/// The entries for a false declaration that rest on this evidence and stand.
pub async fn standing(
    db: &impl ConnectionTrait,
    person: Uuid,
    evidence: Uuid,
) -> Result<Vec<integrity_record::Model>, DbErr> {
    let all = integrity_of(db, person).await?;
    let lifted: Vec<Uuid> = all.iter().filter_map(|entry| entry.refers_to).collect();
    let stands = |entry: &integrity_record::Model| {
        entry.kind == IntegrityKind::FalseDeclaration
            && entry.evidence == evidence
            && !lifted.contains(&entry.id)
    };
    Ok(all.into_iter().filter(stands).collect())
}

/// How many appeals are open, and how many of them for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromQueryResult)]
pub struct Clock {
    pub open: i64,
    pub overdue: i64,
}

/// The clocks of all appeals.
pub async fn clocks(db: &impl ConnectionTrait, now: Timestamp) -> Result<Clock, DbErr> {
    let count = Raw::new(db, "SELECT count(*) AS open, count(CASE WHEN due_at < ").bind(now);
    let count = count.sql(" THEN 1 END) AS overdue FROM appeal WHERE state = 'open'");
    Ok(Clock::find_by_statement(count.done()).one(db).await?.unwrap_or_default())
}

/// Deletes the appeals of a person.
pub(super) async fn erase(tx: &impl ConnectionTrait, person: Uuid) -> Result<(), DbErr> {
    appeal::Entity::delete_many().filter(Column::PersonId.eq(person)).exec(tx).await.map(|_| ())
}
