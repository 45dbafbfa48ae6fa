//! What a run of the self-test leaves behind, and how it goes again. Its person and its staff are its own.

use mashang_domain::delivery::DeliveryState;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::scan;
use super::statement::Raw;

/// Whether the person has scans at venues that are not their own in `division`: then it is not the self-test's.
pub async fn is_elsewhere(db: &impl ConnectionTrait, person: Uuid, division: &str) -> Result<bool, DbErr> {
    let raw = Raw::new(db, "SELECT 1 AS one FROM scan s WHERE s.person_id = ").bind(person);
    let raw = raw
        .sql(" AND NOT EXISTS (SELECT 1 FROM venue v WHERE v.id = s.venue_id AND v.manager_id = ")
        .bind(person);
    let raw = raw.sql(" AND v.division_code = ").bind(division).sql(") LIMIT 1");
    Ok(db.query_one_raw(raw.done()).await?.is_some())
}

/// How the delivery of a login code stands.
pub async fn login_state(db: &impl ConnectionTrait, request: Uuid) -> Result<Option<DeliveryState>, DbErr> {
    let raw = Raw::new(db, "SELECT state FROM delivery WHERE login_id = ").bind(request);
    db.query_one_raw(raw.done()).await?.map(|row| row.try_get("", "state")).transpose()
}

/// Deletes the scans of the person, and the traces and drills of these members of staff with all that hangs on them. A
/// true alert is never among them: only drills are deleted.
pub async fn clear(tx: &impl ConnectionTrait, person: Uuid, staff: &[Uuid]) -> Result<(), DbErr> {
    const ALERTS: &str = "SELECT id FROM alert WHERE drill AND created_by";
    let hanging = [
        "DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE alert_id IN (",
        "DELETE FROM work_item WHERE (alert_id IN (",
        "DELETE FROM delivery WHERE (alert_id IN (",
        "DELETE FROM notice WHERE (alert_id IN (",
    ];
    for delete in hanging {
        let raw = Raw::new(tx, delete).sql(ALERTS).any(staff).sql("))");
        tx.execute_raw(raw.done()).await?;
    }
    for delete in [
        "DELETE FROM alert WHERE drill AND created_by",
        "DELETE FROM trace_contact WHERE trace_id IN (SELECT id FROM trace WHERE created_by",
        "DELETE FROM trace WHERE created_by",
        "DELETE FROM session WHERE revoked_at IS NOT NULL AND staff_id",
    ] {
        let raw = Raw::new(tx, delete).any(staff);
        let raw = if delete.contains("SELECT") { raw.sql(")") } else { raw };
        tx.execute_raw(raw.done()).await?;
    }
    let raw = Raw::new(tx, "DELETE FROM session WHERE revoked_at IS NOT NULL AND person_id = ").bind(person);
    tx.execute_raw(raw.done()).await?;
    scan::erase_person_scans(tx, person).await.map(|_| ())
}
