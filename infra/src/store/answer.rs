//! What people answer to their notices, and what operators see of the gateways.

use mashang_domain::delivery::{DeliveryState, RungKind};
use mashang_domain::time::Timestamp;
use mashang_entity::{alert, delivery, notice};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::ExprTrait,
};
use uuid::Uuid;

use super::statement::Raw;

/// A notice with its alert and its first delivery.
#[derive(Debug, Clone)]
pub struct Told {
    pub notice: notice::Model,
    pub alert: alert::Model,
    pub delivery: Option<delivery::Model>,
}

/// The notices of a person, newest first. Those that were merged into an earlier one are not shown, nor those that were
/// cancelled before they went out.
pub async fn of_person(
    db: &impl ConnectionTrait,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Told>, DbErr> {
    let mut query = notice::Entity::find()
        .filter(notice::Column::PersonId.eq(person))
        .filter(notice::Column::MergedInto.is_null());
    if let Some(last) = before
        && let Some(last) = notice::Entity::find_by_id(last).one(db).await?
    {
        let earlier = notice::Column::CreatedAt.lt(last.created_at);
        let same = notice::Column::CreatedAt.eq(last.created_at).and(notice::Column::Id.lt(last.id));
        query = query.filter(earlier.or(same));
    }
    let query = query.order_by_desc(notice::Column::CreatedAt).order_by_desc(notice::Column::Id);
    let notices = query.limit(limit).all(db).await?;
    told(db, notices).await
}

/// A notice of this person.
pub async fn notice_of(db: &impl ConnectionTrait, id: Uuid, person: Uuid) -> Result<Option<Told>, DbErr> {
    let found = notice::Entity::find_by_id(id).filter(notice::Column::PersonId.eq(person)).one(db).await?;
    Ok(told(db, found.into_iter().collect()).await?.into_iter().next())
}

async fn told(db: &impl ConnectionTrait, notices: Vec<notice::Model>) -> Result<Vec<Told>, DbErr> {
    let alerts = alert::Entity::find()
        .filter(alert::Column::Id.is_in(notices.iter().map(|n| n.alert_id)))
        .all(db)
        .await?;
    let first = delivery::Entity::find()
        .filter(delivery::Column::NoticeId.is_in(notices.iter().map(|n| n.id)))
        .filter(delivery::Column::Rung.eq(0))
        .all(db)
        .await?;
    let told = notices.into_iter().filter_map(|notice| {
        let alert = alerts.iter().find(|a| a.id == notice.alert_id)?.clone();
        let delivery = first.iter().find(|d| d.notice_id == Some(notice.id)).cloned();
        let stopped = delivery.as_ref().is_some_and(|d| d.state == DeliveryState::Cancelled);
        (!stopped).then_some(Told { notice, alert, delivery })
    });
    Ok(told.collect())
}

/// Confirms a notice; false when it is none of this person's. The first confirmation keeps its time; the wish for a call
/// may change.
pub async fn acknowledge(
    tx: &impl ConnectionTrait,
    id: Uuid,
    person: Uuid,
    call_back: bool,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let raw = Raw::new(tx, "UPDATE notice SET acknowledged_at = coalesce(acknowledged_at, ").bind(now);
    let raw = raw.sql("), call_back = ").bind(call_back).sql(" WHERE id = ").bind(id);
    let raw = raw.sql(" AND person_id = ").bind(person);
    Ok(tx.execute_raw(raw.done()).await?.rows_affected() == 1)
}

/// What people answered to an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answers {
    pub acknowledged: i64,
    pub call_back: i64,
}

/// Counts the answers to an alert.
pub async fn answers(db: &impl ConnectionTrait, alert: Uuid) -> Result<Answers, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT count(acknowledged_at) AS acknowledged, count(CASE WHEN call_back THEN 1 END) AS call_back \
         FROM notice WHERE alert_id = ",
    );
    let Some(row) = db.query_one_raw(raw.bind(alert).done()).await? else { return Ok(Answers::default()) };
    Ok(Answers { acknowledged: row.try_get("", "acknowledged")?, call_back: row.try_get("", "call_back")? })
}

/// How many deliveries of a gateway are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayCount {
    pub gateway: String,
    pub state: DeliveryState,
    pub count: i64,
}

/// Deliveries per gateway and state since an instant, login codes included.
pub async fn per_gateway(db: &impl ConnectionTrait, since: Timestamp) -> Result<Vec<GatewayCount>, DbErr> {
    let raw = Raw::new(
        db,
        "SELECT gateway, state, count(*) AS n FROM delivery WHERE gateway IS NOT NULL AND created_at >= ",
    );
    let raw = raw.bind(since).sql(" GROUP BY gateway, state ORDER BY gateway, state");
    let rows = db.query_all_raw(raw.done()).await?;
    rows.iter()
        .map(|row| {
            Ok(GatewayCount {
                gateway: row.try_get("", "gateway")?,
                state: row.try_get("", "state")?,
                count: row.try_get("", "n")?,
            })
        })
        .collect()
}

/// A delivery of an alert that was given up.
pub async fn dead_letter(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<delivery::Model>, DbErr> {
    delivery::Entity::find_by_id(id).filter(delivery::Column::RungKind.ne(RungKind::Login)).one(db).await
}
