//! Key areas: divisions from which somebody comes, and the days that count.

use mashang_domain::health::KeyArea;
use mashang_domain::person::Division;
use mashang_domain::time::{Timestamp, day_of_number};
use mashang_entity::key_area;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

/// Rows in one statement.
const ROWS: usize = 500;

/// Areas with their ids.
pub type Areas = Vec<(Uuid, KeyArea)>;

/// All that have not been taken back; a few thousand in a bad year.
pub async fn in_force(db: &impl ConnectionTrait) -> Result<Areas, DbErr> {
    let rows = key_area::Entity::find().filter(key_area::Column::WithdrawnAt.is_null()).all(db).await?;
    Ok(rows.iter().filter_map(area).collect())
}

/// The area of a row.
pub fn area(row: &key_area::Model) -> Option<(Uuid, KeyArea)> {
    let until = row.until_day.map(day_of_number);
    KeyArea::parse(&row.area, day_of_number(row.from_day), until).ok().map(|area| (row.id, area))
}

/// Those of these codes, taken back or not.
pub async fn of(db: &impl ConnectionTrait, codes: &[String]) -> Result<Vec<key_area::Model>, DbErr> {
    key_area::Entity::find().filter(key_area::Column::Area.is_in(codes)).all(db).await
}

/// Adds areas that are not there.
pub async fn insert(tx: &impl ConnectionTrait, rows: &[key_area::Model]) -> Result<(), DbErr> {
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(|row| row.into_active_model().reset_all());
        key_area::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Notes another last day.
pub async fn move_end(tx: &impl ConnectionTrait, id: Uuid, until: Option<i32>) -> Result<(), DbErr> {
    let update = key_area::Entity::update_many()
        .col_expr(key_area::Column::UntilDay, Expr::value(until))
        .filter(key_area::Column::Id.eq(id));
    update.exec(tx).await.map(|_| ())
}

/// Takes one back; false when there is none of that id in the division that has not been taken back.
pub async fn withdraw(
    tx: &impl ConnectionTrait,
    id: Uuid,
    division: &Division,
    by: Uuid,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let found = key_area::Entity::find_by_id(id).one(tx).await?;
    let Some(mut row) = found.filter(|r| division.covers(&r.division_code) && r.withdrawn_at.is_none())
    else {
        return Ok(false);
    };
    (row.withdrawn_at, row.withdrawn_by) = (Some(now), Some(by));
    key_area::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(|_| true)
}

/// Those of a division, newest first, from before `before` on.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    import: Option<Uuid>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<key_area::Model>, DbErr> {
    let mut query =
        key_area::Entity::find().filter(key_area::Column::DivisionCode.starts_with(division.prefix()));
    if let Some(import) = import {
        query = query.filter(key_area::Column::ImportId.eq(import));
    }
    if let Some(id) = before {
        query = query.filter(key_area::Column::Id.lt(id));
    }
    query.order_by_desc(key_area::Column::Id).limit(limit).all(db).await
}
