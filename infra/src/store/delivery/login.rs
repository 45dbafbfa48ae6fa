//! Login codes travel as deliveries, on their own stream.

use mashang_config::Settings;
use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::time::{SECOND, Timestamp};
use mashang_entity::delivery;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use serde_json::json;
use uuid::Uuid;

/// Adds the delivery of a login code to the transaction that made the code, and answers its id. After the commit the
/// caller pushes `Task::Send` with this id on `Priority::Login`; when that is lost, the sweep finds the delivery.
///
/// The row holds neither the number nor the code: whoever sends it takes both from the request.
pub async fn enqueue_login(
    tx: &impl ConnectionTrait,
    login_id: Uuid,
    channel: Channel,
    now: Timestamp,
    settings: &Settings,
) -> Result<Uuid, DbErr> {
    let id = Uuid::now_v7();
    let row = delivery::ActiveModel {
        id: Set(id),
        alert_id: Set(None),
        notice_id: Set(None),
        login_id: Set(Some(login_id)),
        person_id: Set(None),
        staff_id: Set(None),
        level: Set(0),
        rung: Set(0),
        rung_kind: Set(RungKind::Login),
        channel: Set(channel),
        template_key: Set("login".to_owned()),
        variables: Set(json!({})),
        urgent: Set(true),
        drill: Set(false),
        state: Set(DeliveryState::Pending),
        due_at: Set(now),
        expires_at: Set(now + settings.limits.code_ttl_seconds * SECOND),
        tries: Set(0),
        epoch: Set(0),
        lease_owner: Set(None),
        lease_until: Set(None),
        gateway: Set(None),
        provider_id: Set(None),
        code: Set(None),
        possible_duplicates: Set(0),
        created_at: Set(now),
        accepted_at: Set(None),
        settled_at: Set(None),
    };
    delivery::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(id)
}
