//! Cases and the officials' corrections of their visits. Every look-up names the division of who looks: a case of
//! another division is not there.

use mashang_domain::person::Division;
use mashang_domain::trace::{Edit, EditAction, Place, Span};
use mashang_entity::{case_edit, infection_case};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

/// Adds a case.
pub async fn insert(tx: &impl ConnectionTrait, case: infection_case::Model) -> Result<(), DbErr> {
    let row: infection_case::ActiveModel = case.into();
    infection_case::Entity::insert(row.reset_all()).exec_without_returning(tx).await.map(|_| ())
}

/// A case of this division.
pub async fn by_id(
    db: &impl ConnectionTrait,
    id: Uuid,
    division: &Division,
) -> Result<Option<infection_case::Model>, DbErr> {
    infection_case::Entity::find_by_id(id)
        .filter(infection_case::Column::DivisionCode.starts_with(division.prefix()))
        .one(db)
        .await
}

/// Those of these cases that lie in this division, by id.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    division: &Division,
) -> Result<Vec<infection_case::Model>, DbErr> {
    infection_case::Entity::find()
        .filter(infection_case::Column::Id.is_in(ids.iter().copied()))
        .filter(infection_case::Column::DivisionCode.starts_with(division.prefix()))
        .order_by_asc(infection_case::Column::Id)
        .all(db)
        .await
}

/// Cases of this division, newest first; `before` is the id of the last of the page before.
pub async fn page(
    db: &impl ConnectionTrait,
    division: &Division,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<infection_case::Model>, DbErr> {
    let mut query = infection_case::Entity::find()
        .filter(infection_case::Column::DivisionCode.starts_with(division.prefix()));
    if let Some(id) = before {
        query = query.filter(infection_case::Column::Id.lt(id));
    }
    query.order_by_desc(infection_case::Column::Id).limit(limit).all(db).await
}

/// The corrections of these cases, by case and visit.
pub async fn edits(db: &impl ConnectionTrait, cases: &[Uuid]) -> Result<Vec<(Uuid, Edit)>, DbErr> {
    let rows = case_edit::Entity::find()
        .filter(case_edit::Column::CaseId.is_in(cases.iter().copied()))
        .order_by_asc(case_edit::Column::CaseId)
        .order_by_asc(case_edit::Column::VisitId)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.case_id, edit(&row))).collect())
}

fn edit(row: &case_edit::Model) -> Edit {
    let place = match (row.venue_id, row.start_at, row.end_at) {
        (Some(venue_id), Some(start), Some(end)) => {
            Some(Place { venue_id, zone_id: row.zone_id, span: Span { start, end } })
        }
        (_, _, _) => None,
    };
    Edit { visit_id: row.visit_id, action: row.action, place }
}

/// Who corrects, and when.
#[derive(Debug, Clone, Copy)]
pub struct Editor {
    pub staff: Uuid,
    pub now: mashang_domain::time::Timestamp,
}

/// Writes the correction of a visit in place of the one before. A visit that was added stays one that was added.
pub async fn put_edit(
    tx: &impl ConnectionTrait,
    case: Uuid,
    edit: &Edit,
    editor: Editor,
) -> Result<(), DbErr> {
    use case_edit::Column;
    let place = edit.place.as_ref();
    let row = case_edit::ActiveModel {
        id: Set(Uuid::now_v7()),
        case_id: Set(case),
        visit_id: Set(edit.visit_id),
        action: Set(edit.action),
        venue_id: Set(place.map(|p| p.venue_id)),
        zone_id: Set(place.and_then(|p| p.zone_id)),
        start_at: Set(place.map(|p| p.span.start)),
        end_at: Set(place.map(|p| p.span.end)),
        created_by: Set(editor.staff),
        created_at: Set(editor.now),
    };
    let again = OnConflict::columns([Column::CaseId, Column::VisitId])
        .update_columns([
            Column::Action,
            Column::VenueId,
            Column::ZoneId,
            Column::StartAt,
            Column::EndAt,
            Column::CreatedBy,
            Column::CreatedAt,
        ])
        .to_owned();
    case_edit::Entity::insert(row).on_conflict(again).exec_without_returning(tx).await.map(|_| ())
}

/// Takes back a visit that an official added; false when there is none.
pub async fn drop_added(tx: &impl ConnectionTrait, case: Uuid, visit: Uuid) -> Result<bool, DbErr> {
    let gone = case_edit::Entity::delete_many()
        .filter(case_edit::Column::CaseId.eq(case))
        .filter(case_edit::Column::VisitId.eq(visit))
        .filter(case_edit::Column::Action.eq(EditAction::Add))
        .exec(tx)
        .await?;
    Ok(gone.rows_affected > 0)
}
