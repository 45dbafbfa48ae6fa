//! Linked cards, one of a kind a person.

use mashang_entity::card_link;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};
use uuid::Uuid;

/// Links a card; an earlier one of its kind gives way.
pub async fn put(tx: &impl ConnectionTrait, row: card_link::Model) -> Result<(), DbErr> {
    use card_link::Column;
    let same = OnConflict::columns([Column::PersonId, Column::Kind])
        .update_columns([Column::Id, Column::Sealed, Column::KeyVersion, Column::LinkedAt])
        .to_owned();
    let row = row.into_active_model().reset_all();
    card_link::Entity::insert(row).on_conflict(same).exec_without_returning(tx).await.map(|_| ())
}

/// A person's cards, in the order of their kinds.
pub async fn of_person(db: &impl ConnectionTrait, person: Uuid) -> Result<Vec<card_link::Model>, DbErr> {
    let query = card_link::Entity::find().filter(card_link::Column::PersonId.eq(person));
    query.order_by_asc(card_link::Column::Kind).all(db).await
}

/// Takes a link of this person away; false where there is none.
pub async fn remove(tx: &impl ConnectionTrait, person: Uuid, id: Uuid) -> Result<bool, DbErr> {
    let delete = card_link::Entity::delete_many().filter(card_link::Column::Id.eq(id));
    Ok(delete.filter(card_link::Column::PersonId.eq(person)).exec(tx).await?.rows_affected > 0)
}
