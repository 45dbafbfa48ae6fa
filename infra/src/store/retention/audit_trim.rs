//! The audit log is cut at its oldest end only, and only after the anchor has moved: what is left still verifies from
//! the anchor on, and the trigger refuses to delete anything behind it.

use mashang_domain::time::Timestamp;
use mashang_entity::{audit, audit_anchor};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::db::Db;

/// Deletes the entries before the first that is not older than `limit`; answers how many.
pub(super) async fn trim(db: &Db, limit: Timestamp) -> Result<u64, DbErr> {
    move_anchor(db, limit).await?;
    let (anchor, _) = crate::store::audit::anchor(db.conn()).await?;
    super::in_chunks(db, "audit", &format!("seq <= {anchor}")).await
}

async fn move_anchor(db: &Db, limit: Timestamp) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    // Walks along the primary key through the old entries only.
    let first_kept = audit::Entity::find()
        .filter(audit::Column::At.gte(limit))
        .order_by_asc(audit::Column::Seq)
        .limit(1)
        .one(&*tx)
        .await?;
    let mut old = audit::Entity::find();
    if let Some(kept) = first_kept {
        old = old.filter(audit::Column::Seq.lt(kept.seq));
    }
    let last_old = old.order_by_desc(audit::Column::Seq).limit(1).one(&*tx).await?;
    let (anchor, _) = crate::store::audit::anchor(&*tx).await?;
    if let Some(entry) = last_old.filter(|e| e.seq > anchor) {
        let row = audit_anchor::ActiveModel { id: Set(1), seq: Set(entry.seq), hash: Set(entry.hash) };
        let columns = [audit_anchor::Column::Seq, audit_anchor::Column::Hash];
        let replace = OnConflict::column(audit_anchor::Column::Id).update_columns(columns).to_owned();
        audit_anchor::Entity::insert(row).on_conflict(replace).exec_without_returning(&*tx).await?;
    }
    tx.commit().await
}
