//! The summary of an alert that its officials get by e-mail: who gets one, and what it says.
//!
//! It is a delivery like any other, of a member of staff in place of a person: claimed, tried, retried and given up in the
//! same way. What it says is written down when it is first claimed, so that a resend says the same under the same
//! Message-ID.

use mashang_config::SUMMARY;
use mashang_domain::alert::work::WorkState;
use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::person::{Right, Role};
use mashang_domain::time::Timestamp;
use mashang_entity::{alert, staff};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use super::statement::{Raw, random_uuid};

/// The reason of an official's delivery when they have no address.
pub const NO_ADDRESS: &str = "no_address";

/// The right of those who work the work list.
const READERS: Right = Right::DraftAlerts;

/// Makes one delivery for every official whose division holds the alert's, due at `due_at`. Who has no address gets one
/// that says so. Twice is harmless. Answers how many were made.
pub async fn add(
    tx: &impl ConnectionTrait,
    alert: &alert::Model,
    due_at: Timestamp,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let (pending, unreachable) = (DeliveryState::Pending, DeliveryState::Unreachable);
    let raw = Raw::new(
        tx,
        &format!(
            "INSERT INTO delivery (id, alert_id, staff_id, level, rung, rung_kind, channel, template_key, variables, \
             urgent, drill, state, code, settled_at, due_at, expires_at, tries, epoch, possible_duplicates, created_at) \
             SELECT {}, ",
            random_uuid(tx.get_database_backend() == DbBackend::Postgres)
        ),
    );
    let raw = raw.bind(alert.id).sql(&format!(
        ", s.id, 0, 0, '{}', '{}', '{SUMMARY}', ",
        RungKind::Email,
        Channel::Email
    ));
    let raw = raw.either("CAST('{}' AS jsonb)", "'{}'").sql(&format!(
        ", {}, {}, CASE WHEN s.email_sealed IS NULL THEN '{unreachable}' ELSE '{pending}' END, \
         CASE WHEN s.email_sealed IS NULL THEN '{NO_ADDRESS}' END, CASE WHEN s.email_sealed IS NULL THEN ",
        alert.urgent, alert.drill
    ));
    let raw =
        raw.bind(now).sql(" END, ").bind(due_at).sql(", ").bind(expires_at).sql(", 0, 0, 0, ").bind(now);
    let readers = Role::ALL.iter().filter(|role| role.has(READERS)).map(|role| role.as_str());
    let raw = raw.sql(" FROM staff s WHERE s.disabled_at IS NULL AND s.role").any_word(readers).sql(" AND ");
    let raw = raw.bind(alert.division_code.as_str()).sql(
        " LIKE s.division || '%' ON CONFLICT (alert_id, staff_id) WHERE staff_id IS NOT NULL DO NOTHING",
    );
    Ok(tx.execute_raw(raw.done()).await?.rows_affected())
}

/// The members of staff behind these ids, to be written to.
pub async fn readers(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<staff::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let raw = Raw::new(db, "SELECT * FROM staff WHERE disabled_at IS NULL AND id").any(ids);
    staff::Entity::find().from_raw_sql(raw.done()).all(db).await
}

/// What the summary of an alert says now: people by level whom it warns, and those who stand on the work list because
/// nothing reached them.
pub async fn figures(db: &impl ConnectionTrait, alert: Uuid) -> Result<Value, DbErr> {
    let mut people = [0_i64; 3];
    let raw =
        Raw::new(db, "SELECT level, count(*) AS n FROM notice WHERE merged_into IS NULL AND alert_id = ");
    for row in db.query_all_raw(raw.bind(alert).sql(" GROUP BY level").done()).await? {
        let (level, n): (i16, i64) = (row.try_get("", "level")?, row.try_get("", "n")?);
        if let Some(of_level) = usize::try_from(level - 1).ok().and_then(|i| people.get_mut(i)) {
            *of_level = n;
        }
    }
    let waiting = [WorkState::Open.as_str(), WorkState::Taken.as_str()];
    let raw = Raw::new(db, "SELECT count(*) AS n FROM work_item WHERE alert_id = ").bind(alert);
    let row = db.query_one_raw(raw.sql(" AND state").any_word(waiting).done()).await?;
    let listed: i64 = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
    let short: String = alert.to_string().chars().take(8).collect();
    let [low, middle, high] = people.map(|n| n.to_string());
    Ok(json!({ "alert": short, "high": high, "middle": middle, "low": low, "listed": listed.to_string() }))
}

/// Writes down what these deliveries say.
pub async fn keep(tx: &impl ConnectionTrait, deliveries: &[Uuid], says: &Value) -> Result<(), DbErr> {
    let raw = Raw::new(tx, "UPDATE delivery SET variables = ").bind(says.clone());
    tx.execute_raw(raw.sql(" WHERE id").any(deliveries).done()).await.map(|_| ())
}
