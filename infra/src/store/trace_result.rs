//! Frozen traces: the row, its contacts in bulk, pages of them, and who is new since another trace.

use std::collections::BTreeSet;

use mashang_domain::person::Division;
use mashang_domain::time::Timestamp;
use mashang_domain::trace::{CaseVisit, Contact, Parameters, TraceResult, TraceState};
use mashang_entity::{trace, trace_contact};
use sea_orm::sea_query::{ArrayType, Expr};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, TransactionTrait,
};
use serde_json::Value;
use uuid::Uuid;

use super::scan::{array, postgres};
use super::statement::Raw;
use crate::db::Db;

/// Contacts in one statement: four values each, below SQLite's bound of 32,766.
const CHUNK: usize = 4_000;

/// Runs the trace, without the index persons: one of several may have no visit of their own and have met another. On
/// PostgreSQL with the plan it needs and a time of its own, in milliseconds.
pub async fn find(
    db: &Db,
    case_visits: &[CaseVisit],
    index_persons: &BTreeSet<Uuid>,
    params: &Parameters,
    patience_ms: u64,
) -> Result<TraceResult, DbErr> {
    let mut met = if db.is_postgres() {
        let tx = db.unbounded().begin().await?;
        let terms = format!("{}; SET LOCAL statement_timeout = {patience_ms}", super::trace::POSTGRES_TERMS);
        tx.execute_unprepared(&terms).await?;
        let met = super::trace::meetings(&tx, case_visits, params).await?;
        tx.commit().await?;
        met
    } else {
        super::trace::meetings(db.conn(), case_visits, params).await?
    };
    met.retain(|row| !index_persons.contains(&row.person_id));
    Ok(mashang_domain::trace::contacts(met, params))
}

/// Adds the row of a trace.
pub async fn insert(tx: &impl ConnectionTrait, row: trace::Model) -> Result<(), DbErr> {
    let row: trace::ActiveModel = row.into();
    trace::Entity::insert(row.reset_all()).exec_without_returning(tx).await.map(|_| ())
}

/// Adds the contacts of a trace.
pub async fn insert_contacts(
    tx: &impl ConnectionTrait,
    trace_id: Uuid,
    contacts: &[Contact],
) -> Result<(), DbErr> {
    for chunk in contacts.chunks(CHUNK) {
        if tx.get_database_backend() == DbBackend::Postgres {
            insert_arrays(tx, trace_id, chunk).await?;
        } else {
            let rows = chunk.iter().map(|c| row_of(trace_id, c)).collect::<Result<Vec<_>, _>>()?;
            trace_contact::Entity::insert_many(rows).exec_without_returning(tx).await?;
        }
    }
    Ok(())
}

/// One array a column: the statement is the same for however many, and no value of its own is made for each field.
async fn insert_arrays(tx: &impl ConnectionTrait, trace_id: Uuid, contacts: &[Contact]) -> Result<(), DbErr> {
    const SQL: &str = "\
        INSERT INTO trace_contact (trace_id, person_id, level, meetings) \
        SELECT $1, c.person_id, c.level, c.meetings::jsonb \
        FROM unnest($2::uuid[], $3::int2[], $4::text[]) AS c (person_id, level, meetings)";
    let meetings = contacts.iter().map(|c| serde_json::to_string(&c.meetings)).collect::<Result<Vec<_>, _>>();
    let values = [
        trace_id.into(),
        array(ArrayType::Uuid, contacts.iter().map(|c| c.person_id)),
        array(ArrayType::SmallInt, contacts.iter().map(|c| i16::from(c.level))),
        array(ArrayType::String, meetings.map_err(|e| DbErr::Json(e.to_string()))?),
    ];
    tx.execute_raw(postgres(SQL, values)).await.map(|_| ())
}

fn row_of(trace_id: Uuid, contact: &Contact) -> Result<trace_contact::ActiveModel, DbErr> {
    let meetings = serde_json::to_value(&contact.meetings).map_err(|e| DbErr::Json(e.to_string()))?;
    Ok(trace_contact::ActiveModel {
        trace_id: Set(trace_id),
        person_id: Set(contact.person_id),
        level: Set(contact.level.into()),
        meetings: Set(meetings),
    })
}

/// How many contacts of a trace have no number any more: their person is gone. On PostgreSQL each is looked up by index:
/// a trace that was written a moment ago is unknown to the planner, which would read all people instead.
pub async fn unreachable(db: &impl ConnectionTrait, trace_id: Uuid) -> Result<u64, DbErr> {
    let raw = Raw::new(db, "SELECT count(*) AS n FROM trace_contact c LEFT JOIN ").either(
        "LATERAL (SELECT p.id FROM person p WHERE p.id = c.person_id OFFSET 0) AS p ON true",
        "person p ON p.id = c.person_id",
    );
    let raw = raw.sql(" WHERE p.id IS NULL AND c.trace_id = ");
    let row = db.query_one_raw(raw.bind(trace_id).done()).await?;
    let n: i64 = row.map(|r| r.try_get("", "n")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(n).unwrap_or(0))
}

/// What a trace came to.
#[derive(Debug, Clone)]
pub struct Frozen {
    pub counts: Value,
    pub by_venue: Value,
    pub sha256: String,
}

/// `running -> frozen`; false when it is not running any more.
pub async fn freeze(
    tx: &impl ConnectionTrait,
    id: Uuid,
    frozen: Frozen,
    now: Timestamp,
) -> Result<bool, DbErr> {
    use trace::Column;
    let done = trace::Entity::update_many()
        .col_expr(Column::State, Expr::value(TraceState::Frozen))
        .col_expr(Column::Counts, Expr::value(frozen.counts))
        .col_expr(Column::ByVenue, Expr::value(frozen.by_venue))
        .col_expr(Column::Sha256, Expr::value(frozen.sha256))
        .col_expr(Column::FrozenAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(TraceState::Running))
        .exec(tx)
        .await?;
    Ok(done.rows_affected > 0)
}

/// `running -> failed`, with a word that says why.
pub async fn fail(tx: &impl ConnectionTrait, id: Uuid, code: &str) -> Result<(), DbErr> {
    use trace::Column;
    trace::Entity::update_many()
        .col_expr(Column::State, Expr::value(TraceState::Failed))
        .col_expr(Column::Failure, Expr::value(code))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(TraceState::Running))
        .exec(tx)
        .await
        .map(|_| ())
}

/// A trace of this division.
pub async fn by_id(
    db: &impl ConnectionTrait,
    id: Uuid,
    division: &Division,
) -> Result<Option<trace::Model>, DbErr> {
    trace::Entity::find_by_id(id)
        .filter(trace::Column::DivisionCode.starts_with(division.prefix()))
        .one(db)
        .await
}

/// Traces of this division, newest first; `before` is the id of the last of the page before.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<trace::Model>, DbErr> {
    let mut query = trace::Entity::find().filter(trace::Column::DivisionCode.starts_with(division.prefix()));
    if let Some(id) = before {
        query = query.filter(trace::Column::Id.lt(id));
    }
    query.order_by_desc(trace::Column::Id).limit(limit).all(db).await
}

/// Which contacts a page shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub level: Option<i16>,
    /// Only people who are no contacts of this trace.
    pub not_in: Option<Uuid>,
    pub after: Option<Uuid>,
    pub limit: u64,
}

/// Contacts by person.
pub async fn contacts(
    db: &impl ConnectionTrait,
    trace_id: Uuid,
    wanted: &Wanted,
) -> Result<Vec<trace_contact::Model>, DbErr> {
    use trace_contact::{Column, Entity};
    let mut query = Entity::find().filter(Column::TraceId.eq(trace_id));
    if let Some(level) = wanted.level {
        query = query.filter(Column::Level.eq(level));
    }
    if let Some(other) = wanted.not_in {
        let known = Entity::find().select_only().column(Column::PersonId).filter(Column::TraceId.eq(other));
        query = query.filter(Column::PersonId.not_in_subquery(known.into_query()));
    }
    if let Some(after) = wanted.after {
        query = query.filter(Column::PersonId.gt(after));
    }
    query.order_by_asc(Column::PersonId).limit(wanted.limit).all(db).await
}

/// How many contacts of a trace are none of another.
pub async fn count_additions(db: &impl ConnectionTrait, trace_id: Uuid, other: Uuid) -> Result<u64, DbErr> {
    let raw = Raw::new(db, "SELECT count(*) AS n FROM trace_contact c WHERE c.trace_id = ").bind(trace_id);
    let raw = raw.sql(
        " AND NOT EXISTS (SELECT 1 FROM trace_contact o WHERE o.person_id = c.person_id AND o.trace_id = ",
    );
    let row = db.query_one_raw(raw.bind(other).sql(")").done()).await?;
    let n: i64 = row.map(|r| r.try_get("", "n")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(n).unwrap_or(0))
}

/// All contacts as they were frozen, for whoever checks the hash.
pub async fn all_contacts(db: &impl ConnectionTrait, trace_id: Uuid) -> Result<Vec<Contact>, DbErr> {
    let mut all = Vec::new();
    let mut wanted = Wanted { limit: CHUNK as u64, ..Wanted::default() };
    loop {
        let page = contacts(db, trace_id, &wanted).await?;
        let more = page.len() == CHUNK;
        wanted.after = page.last().map(|c| c.person_id);
        for row in page {
            all.push(contact(row)?);
        }
        if !more {
            return Ok(all);
        }
    }
}

/// A contact as it was frozen.
pub fn contact(row: trace_contact::Model) -> Result<Contact, DbErr> {
    let meetings = serde_json::from_value(row.meetings).map_err(|e| DbErr::Json(e.to_string()))?;
    Ok(Contact { person_id: row.person_id, level: u8::try_from(row.level).unwrap_or(0), meetings })
}
