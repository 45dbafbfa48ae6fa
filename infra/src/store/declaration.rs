//! Declarations and daily reports.

use mashang_domain::time::day_of_number;
use mashang_entity::{check_in, declaration};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

pub async fn insert(tx: &impl ConnectionTrait, row: declaration::Model) -> Result<(), DbErr> {
    let row = row.into_active_model().reset_all();
    declaration::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<declaration::Model>, DbErr> {
    declaration::Entity::find_by_id(id).one(db).await
}

/// A person's declarations, newest first, from before `before` on.
pub async fn of_person(
    db: &impl ConnectionTrait,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<declaration::Model>, DbErr> {
    let mut query = declaration::Entity::find().filter(declaration::Column::PersonId.eq(person));
    if let Some(id) = before {
        query = query.filter(declaration::Column::Id.lt(id));
    }
    query.order_by_desc(declaration::Column::Id).limit(limit).all(db).await
}

pub async fn insert_check_in(tx: &impl ConnectionTrait, row: check_in::Model) -> Result<(), DbErr> {
    let row = row.into_active_model().reset_all();
    check_in::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

/// The days from `from` on that have a normal check-in.
pub async fn days_checked(
    db: &impl ConnectionTrait,
    person: Uuid,
    from: i32,
) -> Result<Vec<chrono::NaiveDate>, DbErr> {
    let days: Vec<i32> = check_in::Entity::find()
        .select_only()
        .column(check_in::Column::Day)
        .filter(check_in::Column::PersonId.eq(person))
        .filter(check_in::Column::Day.gte(from))
        .filter(check_in::Column::Normal.eq(true))
        .into_tuple()
        .all(db)
        .await?;
    Ok(days.into_iter().map(day_of_number).collect())
}

/// A person's daily reports, newest first.
pub async fn check_ins_of(
    db: &impl ConnectionTrait,
    person: Uuid,
    limit: u64,
) -> Result<Vec<check_in::Model>, DbErr> {
    let query = check_in::Entity::find().filter(check_in::Column::PersonId.eq(person));
    query.order_by_desc(check_in::Column::Id).limit(limit).all(db).await
}

/// More people than this under one document are of no use to anybody.
const NAMESAKES: u64 = 16;

/// The people whose declaration in force has one of these documents.
pub async fn people_with(
    db: &impl ConnectionTrait,
    identity_hashes: Vec<Vec<u8>>,
) -> Result<Vec<Uuid>, DbErr> {
    let in_force = Expr::cust(
        "EXISTS (SELECT 1 FROM health h WHERE h.person_id = declaration.person_id AND h.declaration_id = declaration.id)",
    );
    let query = declaration::Entity::find().select_only().column(declaration::Column::PersonId);
    let query = query.filter(declaration::Column::IdentityHash.is_in(identity_hashes)).filter(in_force);
    query.order_by_desc(declaration::Column::Id).limit(NAMESAKES).into_tuple().all(db).await
}
