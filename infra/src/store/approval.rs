//! Alerts between draft and decision. Every look-up names the division of who looks; every step starts from the state it
//! was decided in, so that of many at once exactly one succeeds.

use mashang_domain::alert::AlertState;
use mashang_domain::person::Division;
use mashang_domain::time::Timestamp;
use mashang_entity::alert::{self, Column};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    UpdateMany, sea_query::Expr,
};
use uuid::Uuid;

use super::statement::Raw;

/// Adds an alert.
pub async fn insert(tx: &impl ConnectionTrait, row: alert::Model) -> Result<(), DbErr> {
    let row: alert::ActiveModel = row.into();
    alert::Entity::insert(row.reset_all()).exec_without_returning(tx).await.map(|_| ())
}

/// An alert of this division.
pub async fn by_id(
    db: &impl ConnectionTrait,
    id: Uuid,
    division: &Division,
) -> Result<Option<alert::Model>, DbErr> {
    alert::Entity::find_by_id(id).filter(Column::DivisionCode.starts_with(division.prefix())).one(db).await
}

/// An alert of this division, held for a decision until the transaction ends.
pub async fn hold(
    tx: &impl ConnectionTrait,
    id: Uuid,
    division: &Division,
) -> Result<Option<alert::Model>, DbErr> {
    let raw = Raw::new(tx, "SELECT * FROM alert WHERE id = ").bind(id).either(" FOR UPDATE", "");
    let found = alert::Entity::find().from_raw_sql(raw.done()).one(tx).await?;
    Ok(found.filter(|a| division.covers(&a.division_code)))
}

/// Alerts of this division, newest first; `before` is the id of the last of the page before.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    state: Option<AlertState>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<alert::Model>, DbErr> {
    let mut query = alert::Entity::find().filter(Column::DivisionCode.starts_with(division.prefix()));
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state));
    }
    if let Some(id) = before {
        query = query.filter(Column::Id.lt(id));
    }
    query.order_by_desc(Column::Id).limit(limit).all(db).await
}

/// A correction of this alert that was not rejected or cancelled.
pub async fn correction_of(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<alert::Model>, DbErr> {
    alert::Entity::find()
        .filter(Column::Corrects.eq(id))
        .filter(Column::State.is_not_in([AlertState::Rejected, AlertState::Cancelled]))
        .one(db)
        .await
}

/// Who takes a step, and when.
#[derive(Debug, Clone, Copy)]
pub struct By {
    pub staff: Uuid,
    pub now: Timestamp,
}

/// `draft -> submitted`
pub async fn submitted(tx: &impl ConnectionTrait, id: Uuid, by: By) -> Result<bool, DbErr> {
    let step = from(id, AlertState::Draft, AlertState::Submitted)
        .col_expr(Column::SubmittedBy, Expr::value(by.staff))
        .col_expr(Column::SubmittedAt, Expr::value(by.now));
    Ok(step.exec(tx).await?.rows_affected == 1)
}

/// The first of the two approvals that a large alert needs; it stays submitted.
pub async fn first_approval(tx: &impl ConnectionTrait, id: Uuid, by: By) -> Result<bool, DbErr> {
    let step = from(id, AlertState::Submitted, AlertState::Submitted)
        .col_expr(Column::FirstApprover, Expr::value(by.staff));
    Ok(step.exec(tx).await?.rows_affected == 1)
}

/// `submitted -> approved`; not sent any more after `expires_at`.
pub async fn approved(
    tx: &impl ConnectionTrait,
    id: Uuid,
    by: By,
    expires_at: Timestamp,
) -> Result<bool, DbErr> {
    let step = from(id, AlertState::Submitted, AlertState::Approved)
        .col_expr(Column::DecidedBy, Expr::value(by.staff))
        .col_expr(Column::DecidedAt, Expr::value(by.now))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at));
    Ok(step.exec(tx).await?.rows_affected == 1)
}

/// `submitted -> rejected`
pub async fn rejected(
    tx: &impl ConnectionTrait,
    id: Uuid,
    by: By,
    reason: Option<String>,
) -> Result<bool, DbErr> {
    let step = from(id, AlertState::Submitted, AlertState::Rejected)
        .col_expr(Column::DecidedBy, Expr::value(by.staff))
        .col_expr(Column::DecidedAt, Expr::value(by.now))
        .col_expr(Column::Reason, Expr::value(reason));
    Ok(step.exec(tx).await?.rows_affected == 1)
}

/// Any state before the end `-> cancelled`. What is not sent yet is stopped by [`super::alert::stop`].
pub async fn cancelled(
    tx: &impl ConnectionTrait,
    id: Uuid,
    present: AlertState,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let step = from(id, present, AlertState::Cancelled).col_expr(Column::CancelledAt, Expr::value(now));
    Ok(step.exec(tx).await?.rows_affected == 1)
}

fn from(id: Uuid, present: AlertState, next: AlertState) -> UpdateMany<alert::Entity> {
    alert::Entity::update_many()
        .col_expr(Column::State, Expr::value(next))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(present))
}
