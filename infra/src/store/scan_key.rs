//! The keys that make scans idempotent, and what they stand for.

use std::collections::HashMap;

use mashang_entity::{scan as scan_row, scan_key};
use sea_orm::sea_query::ArrayType;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::scan::{array, hex_list, postgres, sqlite};

/// Half of the SHA-256 over a person and their client's name of the scan.
pub(super) fn key_of(person_id: Uuid, client_scan_id: &str) -> Uuid {
    let digest = Sha256::new().chain_update(person_id).chain_update(client_scan_id).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(half)
}

/// The scans that keys stand for, by key. A key whose scan is gone (retention) has none.
pub(super) async fn known(
    db: &impl ConnectionTrait,
    keys: &[Uuid],
) -> Result<HashMap<Uuid, scan_row::Model>, DbErr> {
    let rows = if db.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT key, scan_id, at FROM scan_key WHERE key = ANY($1)";
        let statement = postgres(sql, [array(ArrayType::Uuid, keys.iter().copied())]);
        scan_key::Entity::find().from_raw_sql(statement).all(db).await?
    } else {
        let sql =
            "SELECT key, scan_id, at FROM scan_key WHERE key IN (SELECT unhex(value) FROM json_each($1))";
        scan_key::Entity::find().from_raw_sql(sqlite(sql, [hex_list(keys)])).all(db).await?
    };
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let scan_of = |k: &scan_key::Model| {
        Condition::all().add(scan_row::Column::Id.eq(k.scan_id)).add(scan_row::Column::At.eq(k.at))
    };
    let any = rows.iter().fold(Condition::any(), |any, k| any.add(scan_of(k)));
    let scans = scan_row::Entity::find().filter(any).all(db).await?;
    let scans: HashMap<Uuid, scan_row::Model> = scans.into_iter().map(|s| (s.id, s)).collect();
    Ok(rows.iter().filter_map(|k| scans.get(&k.scan_id).map(|s| (k.key, s.clone()))).collect())
}
