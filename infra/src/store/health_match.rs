//! Whom an entry of an official list fits: people by the document that they declared, or by their number.

use mashang_domain::health::Fact;
use mashang_domain::time::Timestamp;
use mashang_entity::{declaration, health, integrity_record};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::statement::Raw;

/// Somebody's present declaration.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Declarer {
    pub id: Uuid,
    pub person_id: Uuid,
    pub identity_hash: Vec<u8>,
    pub created_at: Timestamp,
}

const DECLARER: &str = "SELECT d.id, d.person_id, d.identity_hash, d.created_at \
                        FROM declaration d JOIN health h ON h.declaration_id = d.id WHERE ";

/// Those whose present declaration names one of these documents.
pub async fn declarers(db: &impl ConnectionTrait, hashes: &[&[u8]]) -> Result<Vec<Declarer>, DbErr> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Raw::new(db, DECLARER).sql("d.identity_hash").any_bytes(hashes.iter().copied());
    Declarer::find_by_statement(rows.done()).all(db).await
}

/// The present declarations of these people.
pub async fn declarations_of(db: &impl ConnectionTrait, people: &[Uuid]) -> Result<Vec<Declarer>, DbErr> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Raw::new(db, DECLARER).sql("h.person_id").any(people);
    Declarer::find_by_statement(rows.done()).all(db).await
}

/// The next present declarations that were made after `since`, in the order of their people's ids.
pub async fn declarations_after(
    db: &impl ConnectionTrait,
    since: Timestamp,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<declaration::Model>, DbErr> {
    let rows = Raw::new(
        db,
        "SELECT d.* FROM health h JOIN declaration d ON d.id = h.declaration_id WHERE d.created_at > ",
    );
    let rows = rows.bind(since);
    let rows = match after {
        Some(id) => rows.sql(" AND h.person_id > ").bind(id),
        None => rows,
    };
    let rows = rows.sql(" ORDER BY h.person_id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
    declaration::Entity::find().from_raw_sql(rows.done()).all(db).await
}

/// Somebody by the hash of their number.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Numbered {
    pub id: Uuid,
    pub phone_hash: Vec<u8>,
}

/// People with one of these numbers.
pub async fn numbered(db: &impl ConnectionTrait, hashes: &[&[u8]]) -> Result<Vec<Numbered>, DbErr> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Raw::new(db, "SELECT id, phone_hash FROM person WHERE phone_hash");
    Numbered::find_by_statement(rows.any_bytes(hashes.iter().copied()).done()).all(db).await
}

/// What is known of somebody by one piece of evidence, whether it counts or not.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Noted {
    pub person_id: Uuid,
    pub evidence: Uuid,
    pub fact: String,
    /// Whether the code became lighter since.
    pub served: bool,
    pub withdrawn_at: Option<Timestamp>,
}

impl Noted {
    /// None for a word of a later release.
    pub fn fact(&self) -> Option<Fact> {
        self.fact.parse().ok()
    }
}

/// Everything that is known by this evidence.
pub async fn noted(db: &impl ConnectionTrait, evidence: &[Uuid]) -> Result<Vec<Noted>, DbErr> {
    if evidence.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Raw::new(
        db,
        "SELECT f.person_id, f.evidence, f.fact, f.withdrawn_at, \
         coalesce(h.cleared_at IS NOT NULL AND f.at <= h.cleared_at, false) AS served \
         FROM health_fact f LEFT JOIN health h ON h.person_id = f.person_id WHERE f.evidence",
    );
    Noted::find_by_statement(rows.any(evidence).done()).all(db).await
}

/// The next codes in the order of their people's ids.
pub async fn codes_after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<health::Model>, DbErr> {
    let mut query = health::Entity::find();
    if let Some(id) = after {
        query = query.filter(health::Column::PersonId.gt(id));
    }
    query.order_by_asc(health::Column::PersonId).limit(limit).all(db).await
}

/// The entries of the integrity record that rest on this evidence.
pub async fn integrity_by(
    db: &impl ConnectionTrait,
    evidence: &[Uuid],
) -> Result<Vec<integrity_record::Model>, DbErr> {
    let rests_on = integrity_record::Column::Evidence.is_in(evidence.iter().copied());
    integrity_record::Entity::find().filter(rests_on).all(db).await
}

/// A part of the integrity record, newest first.
pub struct IntegrityPart<'a> {
    /// A prefix; all divisions where it is empty.
    pub division: &'a str,
    pub person: Option<Uuid>,
    pub before: Option<Uuid>,
    pub limit: u64,
}

pub async fn integrity_page(
    db: &impl ConnectionTrait,
    part: IntegrityPart<'_>,
) -> Result<Vec<integrity_record::Model>, DbErr> {
    let mut query = integrity_record::Entity::find();
    if !part.division.is_empty() {
        query = query.filter(integrity_record::Column::DivisionCode.starts_with(part.division));
    }
    if let Some(person) = part.person {
        query = query.filter(integrity_record::Column::PersonId.eq(person));
    }
    if let Some(id) = part.before {
        query = query.filter(integrity_record::Column::Id.lt(id));
    }
    query.order_by_desc(integrity_record::Column::Id).limit(part.limit).all(db).await
}
