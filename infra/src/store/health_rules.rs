//! Texts of the rules of the health code that were in force once.

use mashang_entity::rule_version;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

/// The text of a version, where it was written down.
pub async fn text(db: &impl ConnectionTrait, version: i32) -> Result<Option<String>, DbErr> {
    Ok(rule_version::Entity::find_by_id(version).one(db).await?.map(|row| row.text))
}
