//! Reminders of the health code: noted where they arise, made deliveries of by the notifier.

use mashang_domain::delivery::{Channel, DeliveryState, RungKind};
use mashang_domain::health::{ReminderKind, ReminderWay};
use mashang_domain::time::Timestamp;
use mashang_entity::{delivery, health, reminder};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel,
    QueryFilter,
};
use serde_json::Value;
use uuid::Uuid;

use super::statement::Raw;

/// Rows in one statement.
const ROWS: usize = 500;

/// Notes reminders; one that is there already is left.
pub async fn add(
    tx: &impl ConnectionTrait,
    reminders: &[(Uuid, ReminderKind)],
    day: i32,
    now: Timestamp,
) -> Result<(), DbErr> {
    for part in reminders.chunks(ROWS) {
        let rows = part.iter().map(|(person_id, kind)| {
            let row =
                reminder::Model { person_id: *person_id, kind: *kind, day, created_at: now, queued_at: None };
            row.into_active_model().reset_all()
        });
        let once = OnConflict::new().do_nothing().to_owned();
        reminder::Entity::insert_many(rows).on_conflict(once).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Notes a reminder for everybody whose check-in of `day` is still missing. Answers how many.
pub async fn add_check_ins_due(tx: &impl ConnectionTrait, day: i32, now: Timestamp) -> Result<u64, DbErr> {
    let raw = Raw::new(tx, "INSERT INTO reminder (person_id, kind, day, created_at) SELECT person_id, ")
        .bind(ReminderKind::CheckInDue.as_str())
        .either(", CAST(", ", ")
        .bind(day)
        .either(" AS integer), CAST(", ", ")
        .bind(now)
        .either(" AS bigint)", "");
    let raw = raw
        .sql(" FROM health WHERE colour IN ('yellow', 'red') AND days_left > 0 AND (checked_on IS NULL OR checked_on < ")
        .bind(day)
        .sql(") AND reminders <> 'none' ON CONFLICT DO NOTHING");
    Ok(tx.execute_raw(raw.done()).await?.rows_affected())
}

/// A reminder that waits, and how its person wants it.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Waiting {
    pub person_id: Uuid,
    pub kind: ReminderKind,
    pub day: i32,
    pub way: ReminderWay,
    /// Whether a message of the mini-program can reach them.
    pub has_account: bool,
}

/// Whether one waits.
pub async fn any_waiting(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let raw = Raw::new(db, "SELECT 1 AS n FROM reminder WHERE queued_at IS NULL LIMIT 1").done();
    Ok(db.query_one_raw(raw).await?.is_some())
}

/// The oldest that wait, taken until the transaction ends.
pub async fn take(tx: &impl ConnectionTrait, limit: u64) -> Result<Vec<Waiting>, DbErr> {
    let raw = Raw::new(
        tx,
        "SELECT r.person_id, r.kind, r.day, coalesce(h.reminders, 'none') AS way, EXISTS (SELECT 1 FROM platform_account a \
         WHERE a.person_id = r.person_id AND a.platform = 'wechat') AS has_account FROM reminder r \
         LEFT JOIN health h ON h.person_id = r.person_id WHERE r.queued_at IS NULL ORDER BY r.created_at LIMIT ",
    );
    let raw = raw.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let raw = raw.either(" FOR UPDATE OF r SKIP LOCKED", "").done();
    Waiting::find_by_statement(raw).all(tx).await
}

/// Until when a reminder is worth sending, and over which channel it goes.
#[derive(Debug, Clone)]
pub struct Queued {
    pub waiting: Waiting,
    pub channel: Channel,
    pub rung_kind: RungKind,
}

/// Makes deliveries of reminders, with the variables in `says`; those without a way are only marked.
pub async fn queue(
    tx: &impl ConnectionTrait,
    taken: &[Waiting],
    queued: &[Queued],
    says: &Value,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), DbErr> {
    for part in queued.chunks(ROWS) {
        let rows = part.iter().map(|q| delivery_of(q, says, expires_at, now).into_active_model().reset_all());
        delivery::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    for part in taken.chunks(ROWS) {
        let rows = part.iter().map(|w| vec![w.person_id.into(), w.kind.as_str().into(), w.day.into()]);
        let raw = Raw::new(tx, "").with_rows(&[("p", "uuid"), ("k", "text"), ("d", "integer")], rows);
        let raw = raw.sql("UPDATE reminder SET queued_at = ").bind(now);
        let raw = raw.sql(
            " WHERE queued_at IS NULL AND EXISTS (SELECT 1 FROM o WHERE o.p = person_id AND o.k = kind AND o.d = day)",
        );
        tx.execute_raw(raw.done()).await?;
    }
    Ok(())
}

fn delivery_of(queued: &Queued, says: &Value, expires_at: Timestamp, now: Timestamp) -> delivery::Model {
    let Queued { waiting, channel, rung_kind } = queued;
    delivery::Model {
        id: Uuid::now_v7(),
        alert_id: None,
        notice_id: None,
        login_id: None,
        person_id: Some(waiting.person_id),
        staff_id: None,
        level: 0,
        rung: 0,
        rung_kind: *rung_kind,
        channel: *channel,
        template_key: waiting.kind.template().to_owned(),
        variables: says.clone(),
        urgent: false,
        drill: false,
        state: DeliveryState::Pending,
        due_at: now,
        expires_at,
        tries: 0,
        epoch: 0,
        lease_owner: None,
        lease_until: None,
        gateway: None,
        provider_id: None,
        code: None,
        possible_duplicates: 0,
        created_at: now,
        accepted_at: None,
        settled_at: None,
    }
}

/// How a person wants to be reminded from now on; false when they have no code.
pub async fn choose(tx: &impl ConnectionTrait, person: Uuid, way: ReminderWay) -> Result<bool, DbErr> {
    let done = health::Entity::update_many()
        .col_expr(health::Column::Reminders, Expr::value(way.as_str()))
        .filter(health::Column::PersonId.eq(person))
        .exec(tx)
        .await?;
    Ok(done.rows_affected > 0)
}
