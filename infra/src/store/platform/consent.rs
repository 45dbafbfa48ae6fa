//! What people agreed to be written, a row for each account and template.
//!
//! WeChat tells it by events, repeats those whose answer it missed, and promises no order. So the newest word counts, by
//! WeChat's own time, and an event that is no newer than the last of its kind changes nothing.

use mashang_domain::person::Consent;
use mashang_domain::time::Timestamp;
use mashang_entity::{platform_account, platform_consent};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::store::statement::Raw;

/// A person said something to a template. `at` is the platform's time. False: it was known already.
///
/// # Errors
/// When the database does not do its part.
pub async fn said(
    tx: &impl ConnectionTrait,
    account: Uuid,
    template: &str,
    state: Consent,
    at: Timestamp,
) -> Result<bool, DbErr> {
    let granted = i32::from(state == Consent::Accepted);
    let raw = Raw::new(
        tx,
        "INSERT INTO platform_consent (account_id, template_id, state, granted, sent, changed_at) VALUES (",
    );
    let raw = raw.bind(account).sql(", ").bind(template).sql(", ").bind(state.as_str());
    let raw = raw.sql(", ").bind(granted).sql(", 0, ").bind(at).sql(
        ") ON CONFLICT (account_id, template_id) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at, \
         granted = platform_consent.granted + excluded.granted WHERE platform_consent.changed_at < excluded.changed_at",
    );
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// A message by this template was sent, which uses up one agreement. False: it was known already, or nobody agreed.
///
/// # Errors
/// When the database does not do its part.
pub async fn sent(
    tx: &impl ConnectionTrait,
    account: Uuid,
    template: &str,
    at: Timestamp,
) -> Result<bool, DbErr> {
    let raw = Raw::new(tx, "UPDATE platform_consent SET sent = sent + 1, sent_at = ").bind(at);
    let raw = raw.sql(" WHERE account_id = ").bind(account).sql(" AND template_id = ").bind(template);
    let raw = raw.sql(" AND (sent_at IS NULL OR sent_at < ").bind(at).sql(")");
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// Everything a person said.
///
/// # Errors
/// When the database does not do its part.
pub async fn of_person(
    db: &impl ConnectionTrait,
    person: Uuid,
) -> Result<Vec<platform_consent::Model>, DbErr> {
    let accounts = super::account::of_person(db, person).await?;
    let ids: Vec<Uuid> = accounts.iter().map(|a: &platform_account::Model| a.id).collect();
    let theirs = platform_consent::Entity::find().filter(platform_consent::Column::AccountId.is_in(ids));
    theirs.order_by_asc(platform_consent::Column::TemplateId).all(db).await
}
