//! Which gateways there are, and which an operator has paused: the notifiers write the first, the api the second.

use mashang_domain::delivery::Channel;
use mashang_domain::time::Timestamp;
use mashang_entity::gateway;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryOrder};
use uuid::Uuid;

use super::statement::Raw;

/// All gateways by name.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<gateway::Model>, DbErr> {
    gateway::Entity::find().order_by_asc(gateway::Column::Name).all(db).await
}

/// One gateway.
pub async fn by_name(db: &impl ConnectionTrait, name: &str) -> Result<Option<gateway::Model>, DbErr> {
    gateway::Entity::find_by_id(name.to_owned()).one(db).await
}

/// Says that a notifier uses these gateways. Whether they are paused stays as it is.
pub async fn seen(
    tx: &impl ConnectionTrait,
    gateways: &[(&str, Channel)],
    now: Timestamp,
) -> Result<(), DbErr> {
    if gateways.is_empty() {
        return Ok(());
    }
    let rows =
        gateways.iter().map(|(name, channel)| vec![(*name).into(), channel.as_str().into(), now.into()]);
    let raw = Raw::new(tx, "INSERT INTO gateway (name, channel, seen_at) ")
        .rows(rows)
        .sql(" ON CONFLICT (name) DO UPDATE SET channel = excluded.channel, seen_at = excluded.seen_at");
    tx.execute_raw(raw.done()).await.map(|_| ())
}

/// Pauses a gateway; false when it is paused already, or unknown.
pub async fn pause(tx: &impl ConnectionTrait, name: &str, by: Uuid, now: Timestamp) -> Result<bool, DbErr> {
    let raw = Raw::new(tx, "UPDATE gateway SET paused_at = ").bind(now).sql(", paused_by = ").bind(by);
    let raw = raw.sql(" WHERE paused_at IS NULL AND name = ").bind(name);
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// Ends the pause of a gateway; false when it is not paused, or unknown.
pub async fn resume(tx: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let raw = Raw::new(
        tx,
        "UPDATE gateway SET paused_at = NULL, paused_by = NULL WHERE paused_at IS NOT NULL AND name = ",
    );
    Ok(tx.execute_raw(raw.bind(name).done()).await?.rows_affected() == 1)
}
