//! The operation: its one row, the two administrators who end it, and how far its destruction has come.

use mashang_domain::protection::OperationState;
use mashang_domain::protection::certificate::SignedCertificate;
use mashang_domain::protection::ending::{DestructionStep, EndRefused, EndStep, OperationFacts, end_step};
use mashang_domain::time::Timestamp;
use mashang_entity::operation;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::db::Db;

/// The lock under which PostgreSQL processes that start at once agree on one operation.
const START_LOCK: i64 = 0x6d61_7368_616e_6703;

/// The operation of this installation; none before the first start.
pub async fn current(db: &impl ConnectionTrait) -> Result<Option<operation::Model>, DbErr> {
    operation::Entity::find().order_by_asc(operation::Column::StartedAt).limit(1).one(db).await
}

/// The operation of this installation, made at the first start.
pub async fn ensure(
    db: &Db,
    name: &str,
    legal_basis: &str,
    now: Timestamp,
) -> Result<operation::Model, DbErr> {
    let tx = db.begin_write().await?;
    if db.is_postgres() {
        let lock = format!("SELECT pg_advisory_xact_lock({START_LOCK})");
        tx.execute_raw(Statement::from_string(DbBackend::Postgres, lock)).await?;
    }
    if let Some(found) = current(&*tx).await? {
        return Ok(found);
    }
    let row = operation::Model {
        id: Uuid::now_v7(),
        name: name.to_owned(),
        legal_basis: legal_basis.to_owned(),
        state: OperationState::Running,
        started_at: now,
        end_requested_by: None,
        end_requested_at: None,
        ended_by: None,
        ended_at: None,
        destruction_step: None,
        destruction: None,
        certificate: None,
    };
    operation::Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    Ok(row)
}

/// Requests or confirms the end in the caller's transaction. From a confirmation on, the destruction has begun.
pub async fn end(
    tx: &impl ConnectionTrait,
    step: EndStep,
    administrator: Uuid,
    now: Timestamp,
) -> Result<Result<operation::Model, EndRefused>, DbErr> {
    let found = operation::Entity::find()
        .order_by_asc(operation::Column::StartedAt)
        .limit(1)
        .lock_exclusive()
        .one(tx)
        .await?;
    let Some(mut row) = found else { return Err(DbErr::RecordNotFound("operation".to_owned())) };
    let facts = OperationFacts {
        state: row.state,
        end_requested_by: row.end_requested_by,
        end_requested_at: row.end_requested_at,
    };
    row.state = match end_step(&facts, step, administrator, now) {
        Ok(state) => state,
        Err(refused) => return Ok(Err(refused)),
    };
    match step {
        EndStep::Request => {
            row.end_requested_by = Some(administrator);
            row.end_requested_at = Some(now);
        }
        EndStep::Confirm => {
            row.ended_by = Some(administrator);
            row.ended_at = Some(now);
            row.destruction_step = Some(DestructionStep::Stopped);
            row.destruction = Some(json!({}));
        }
    }
    operation::Entity::update(row.clone().into_active_model().reset_all()).exec(tx).await?;
    Ok(Ok(row))
}

/// Records that `to` is done and what it found out; false when another process was faster.
pub async fn advance(
    tx: &impl ConnectionTrait,
    id: Uuid,
    from: DestructionStep,
    to: DestructionStep,
    findings: Value,
) -> Result<bool, DbErr> {
    let updated = operation::Entity::update_many()
        .col_expr(operation::Column::DestructionStep, Expr::value(to.as_str()))
        .col_expr(operation::Column::Destruction, Expr::value(findings))
        .filter(operation::Column::Id.eq(id))
        .filter(operation::Column::DestructionStep.eq(from.as_str()))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Writes the certificate, once.
pub async fn certify(
    tx: &impl ConnectionTrait,
    id: Uuid,
    certificate: &SignedCertificate,
) -> Result<bool, DbErr> {
    let value = serde_json::to_value(certificate).map_err(|e| DbErr::Json(e.to_string()))?;
    let row = operation::ActiveModel {
        destruction_step: Set(Some(DestructionStep::Certified)),
        certificate: Set(Some(value)),
        ..Default::default()
    };
    let updated = operation::Entity::update_many()
        .set(row)
        .filter(operation::Column::Id.eq(id))
        .filter(operation::Column::DestructionStep.eq(DestructionStep::CachesCleared.as_str()))
        .filter(operation::Column::Certificate.is_null())
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// The certificate of an ended operation.
pub fn certificate_of(row: &operation::Model) -> Option<SignedCertificate> {
    row.certificate.clone().and_then(|value| serde_json::from_value(value).ok())
}
