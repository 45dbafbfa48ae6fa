//! Alerts whose notices become colours: how far each has come.

use mashang_domain::time::Timestamp;
use mashang_entity::alert_colouring;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, FromQueryResult, IntoActiveModel};
use uuid::Uuid;

use super::statement::Raw;

/// Alerts whose people are known by now: real ones, approved and fanned out, from traces that leave doubtful visits aside.
fn ready(raw: Raw) -> Raw {
    raw.sql(
        " FROM alert a JOIN trace t ON t.id = a.trace_id WHERE a.fanned_out_at IS NOT NULL AND NOT a.drill \
         AND a.state IN ('sending', 'done') AND ",
    )
    .either(
        "coalesce(t.parameters ->> 'include_suspect', 'false') <> 'true'",
        "coalesce(t.parameters ->> '$.include_suspect', 0) <> 1",
    )
    .sql(" AND NOT EXISTS (SELECT 1 FROM alert_colouring c WHERE c.alert_id = a.id)")
}

/// Whether there is an alert to begin with or to go on with.
pub async fn anything(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let raw =
        Raw::new(db, "SELECT 1 AS n WHERE EXISTS (SELECT 1 FROM alert_colouring WHERE done_at IS NULL)");
    let raw = ready(raw.sql(" OR EXISTS (SELECT 1")).sql(")").done();
    Ok(db.query_one_raw(raw).await?.is_some())
}

/// Begins with those that are ready. A correction takes back what its alert brought. Answers how many are new.
pub async fn begin(tx: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    let raw = Raw::new(tx, "INSERT INTO alert_colouring (alert_id, created_at) SELECT a.id, ");
    let raw = raw.either("CAST(", "").bind(now).either(" AS bigint)", "");
    Ok(tx.execute_raw(ready(raw).sql(" ON CONFLICT DO NOTHING").done()).await?.rows_affected())
}

/// An alert that is being coloured.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Open {
    pub alert_id: Uuid,
    pub reached: Option<Uuid>,
    pub coloured: i64,
    pub created_at: Timestamp,
    pub division_code: String,
    /// The alert that it corrects.
    pub corrects: Option<Uuid>,
}

/// The oldest that is not done and that nobody works on, a correction after what it corrects, taken until the transaction ends.
pub async fn take(tx: &impl ConnectionTrait) -> Result<Option<Open>, DbErr> {
    let raw = Raw::new(
        tx,
        "SELECT c.alert_id, c.reached, c.coloured, c.created_at, a.division_code, a.corrects FROM alert_colouring c \
         JOIN alert a ON a.id = c.alert_id WHERE c.done_at IS NULL AND NOT EXISTS (SELECT 1 FROM alert_colouring o \
         WHERE o.alert_id = a.corrects AND o.done_at IS NULL) ORDER BY c.created_at, c.alert_id LIMIT 1",
    );
    Open::find_by_statement(raw.either(" FOR UPDATE OF c SKIP LOCKED", "").done()).one(tx).await
}

/// A notice that colours.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Notice {
    pub id: Uuid,
    pub person_id: Uuid,
    pub level: i16,
}

/// The next notices of an alert at the levels that colour, by person.
pub async fn notices(
    db: &impl ConnectionTrait,
    alert: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Notice>, DbErr> {
    let raw = Raw::new(db, "SELECT id, person_id, level FROM notice WHERE alert_id = ").bind(alert);
    let raw = raw.sql(" AND level >= 2 AND person_id > ").bind(after.unwrap_or(Uuid::nil()));
    let raw = raw.sql(" ORDER BY person_id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
    Notice::find_by_statement(raw.done()).all(db).await
}

/// Writes down how far it has come; done when `reached` is the last.
pub async fn advance(
    tx: &impl ConnectionTrait,
    open: &Open,
    reached: Option<Uuid>,
    more: i64,
    done_at: Option<Timestamp>,
) -> Result<(), DbErr> {
    let row = alert_colouring::Model {
        alert_id: open.alert_id,
        reached: reached.or(open.reached),
        coloured: open.coloured + more,
        created_at: open.created_at,
        done_at,
    };
    row.into_active_model().reset_all().update(tx).await.map(|_| ())
}
