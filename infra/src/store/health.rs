//! Health codes: the present states, what is known, and the history.

use std::collections::{BTreeSet, HashMap, HashSet};

use mashang_domain::health::Fact;
use mashang_domain::time::Timestamp;
use mashang_entity::{health, health_change, health_fact, integrity_record};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IntoActiveModel,
    Iterable,
};
use uuid::Uuid;

use super::scan::lock_numbers;
use super::statement::Raw;

/// Rows in one statement: their values stay below the bounds of both databases.
const ROWS: usize = 500;

/// The code of one person, if there is one.
pub async fn by_person(db: &impl ConnectionTrait, person: Uuid) -> Result<Option<health::Model>, DbErr> {
    health::Entity::find_by_id(person).one(db).await
}

/// The codes of these people, theirs alone to change until the transaction ends; also of those who have none yet.
pub async fn take(tx: &impl ConnectionTrait, people: &[Uuid]) -> Result<HashMap<Uuid, health::Model>, DbErr> {
    let mut found = locked(tx, people).await?;
    let missing: Vec<Uuid> = people.iter().filter(|p| !found.contains_key(p)).copied().collect();
    if !missing.is_empty() && tx.get_database_backend() == DbBackend::Postgres {
        let numbers = lock_numbers(&missing);
        let turns = Raw::new(tx, "SELECT count(pg_advisory_xact_lock(n)) FROM unnest(").bind(numbers);
        tx.query_one_raw(turns.sql(") AS n").done()).await?;
        found.extend(locked(tx, &missing).await?);
    }
    Ok(found)
}

async fn locked(tx: &impl ConnectionTrait, people: &[Uuid]) -> Result<HashMap<Uuid, health::Model>, DbErr> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = Raw::new(tx, "SELECT * FROM health WHERE person_id").any(people);
    let rows = rows.sql(" ORDER BY person_id").either(" FOR UPDATE", "").done();
    let rows = health::Entity::find().from_raw_sql(rows).all(tx).await?;
    Ok(rows.into_iter().map(|row| (row.person_id, row)).collect())
}

/// One thing that is known of somebody and has not been served.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Known {
    pub person_id: Uuid,
    pub fact: String,
    pub evidence: Uuid,
    pub at: Timestamp,
}

impl Known {
    /// None for a word of a later release.
    pub fn fact(&self) -> Option<Fact> {
        self.fact.parse().ok()
    }
}

/// What counts of these people: since their code last became lighter, not taken back, and of declarations the newest.
pub async fn known(db: &impl ConnectionTrait, people: &[Uuid]) -> Result<Vec<Known>, DbErr> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Raw::new(
        db,
        "SELECT f.person_id, f.fact, f.evidence, f.at FROM health_fact f JOIN health h ON h.person_id = f.person_id \
         WHERE f.withdrawn_at IS NULL AND (h.cleared_at IS NULL OR f.at > h.cleared_at) \
         AND (f.fact NOT LIKE 'declared%' OR f.evidence = h.declaration_id) AND f.person_id",
    );
    Known::find_by_statement(rows.any(people).sql(" ORDER BY f.at, f.evidence").done()).all(db).await
}

/// As [`known`], by person; words of a later release are left out.
pub async fn known_facts(
    db: &impl ConnectionTrait,
    people: &[Uuid],
) -> Result<HashMap<Uuid, BTreeSet<Fact>>, DbErr> {
    let mut facts: HashMap<Uuid, BTreeSet<Fact>> = HashMap::new();
    for row in known(db, people).await? {
        facts.entry(row.person_id).or_default().extend(row.fact());
    }
    Ok(facts)
}

/// Adds facts; answers those pairs of person and evidence of which at least one was new.
pub async fn add_facts(
    tx: &impl ConnectionTrait,
    facts: &[(Uuid, Uuid, Fact)],
    now: Timestamp,
) -> Result<HashSet<(Uuid, Uuid)>, DbErr> {
    #[derive(FromQueryResult)]
    struct Added {
        person_id: Uuid,
        evidence: Uuid,
    }
    let mut added = HashSet::new();
    for facts in facts.chunks(ROWS) {
        let rows = facts.iter().map(|(person, evidence, fact)| {
            vec![(*person).into(), (*evidence).into(), fact.as_str().into(), now.into()]
        });
        let insert = Raw::new(tx, "INSERT INTO health_fact (person_id, evidence, fact, at) ").rows(rows);
        let insert = insert.sql(" ON CONFLICT DO NOTHING RETURNING person_id, evidence").done();
        let rows = Added::find_by_statement(insert).all(tx).await?;
        added.extend(rows.into_iter().map(|row| (row.person_id, row.evidence)));
    }
    Ok(added)
}

/// Takes back what is known by this evidence; answers whom it was known of.
pub async fn withdraw(
    tx: &impl ConnectionTrait,
    evidence: &[Uuid],
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    #[derive(FromQueryResult)]
    struct Of {
        person_id: Uuid,
    }
    if evidence.is_empty() {
        return Ok(Vec::new());
    }
    let back = Raw::new(tx, "UPDATE health_fact SET withdrawn_at = ").bind(now);
    let back = back.sql(" WHERE withdrawn_at IS NULL AND evidence").any(evidence);
    let rows = Of::find_by_statement(back.sql(" RETURNING person_id").done()).all(tx).await?;
    Ok(rows.into_iter().map(|row| row.person_id).collect())
}

/// Writes states that were taken, or that are new.
pub async fn put(tx: &impl ConnectionTrait, rows: Vec<health::Model>) -> Result<(), DbErr> {
    let others = health::Column::iter().filter(|c| !matches!(c, health::Column::PersonId));
    let others: Vec<_> = others.collect();
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(|row| row.into_active_model().reset_all());
        let again = OnConflict::column(health::Column::PersonId).update_columns(others.clone()).to_owned();
        health::Entity::insert_many(rows).on_conflict(again).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Adds to the history.
pub async fn add_changes(tx: &impl ConnectionTrait, rows: Vec<health_change::Model>) -> Result<(), DbErr> {
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(|row| row.into_active_model().reset_all());
        health_change::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Adds to the integrity record.
pub async fn add_integrity(
    tx: &impl ConnectionTrait,
    rows: Vec<integrity_record::Model>,
) -> Result<(), DbErr> {
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(|row| row.into_active_model().reset_all());
        integrity_record::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// The history of a person, newest first, from before the entry `before` on.
pub async fn changes_of(
    db: &impl ConnectionTrait,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<health_change::Model>, DbErr> {
    use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
    let mut query = health_change::Entity::find().filter(health_change::Column::PersonId.eq(person));
    if let Some(id) = before {
        query = query.filter(health_change::Column::Id.lt(id));
    }
    query.order_by_desc(health_change::Column::Id).limit(limit).all(db).await
}

/// Deletes everything of a person's health code.
pub async fn erase(tx: &impl ConnectionTrait, person: Uuid) -> Result<(), DbErr> {
    use mashang_entity::{card_link, check_in, code_check, declaration, reminder, trip};
    use sea_orm::{ColumnTrait, QueryFilter};
    super::appeal::erase(tx, person).await?;
    super::colour_change::erase(tx, person).await?;
    declaration::Entity::delete_many().filter(declaration::Column::PersonId.eq(person)).exec(tx).await?;
    health_fact::Entity::delete_many().filter(health_fact::Column::PersonId.eq(person)).exec(tx).await?;
    card_link::Entity::delete_many().filter(card_link::Column::PersonId.eq(person)).exec(tx).await?;
    trip::Entity::delete_many().filter(trip::Column::PersonId.eq(person)).exec(tx).await?;
    check_in::Entity::delete_many().filter(check_in::Column::PersonId.eq(person)).exec(tx).await?;
    health_change::Entity::delete_many().filter(health_change::Column::PersonId.eq(person)).exec(tx).await?;
    code_check::Entity::delete_many().filter(code_check::Column::PersonId.eq(person)).exec(tx).await?;
    reminder::Entity::delete_many().filter(reminder::Column::PersonId.eq(person)).exec(tx).await?;
    let integrity = integrity_record::Column::PersonId.eq(person);
    integrity_record::Entity::delete_many().filter(integrity).exec(tx).await?;
    health::Entity::delete_by_id(person).exec(tx).await.map(|_| ())
}

/// Whose code this is.
pub async fn person_of(db: &impl ConnectionTrait, code_ref: i64) -> Result<Option<Uuid>, DbErr> {
    use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
    let query = health::Entity::find().select_only().column(health::Column::PersonId);
    query.filter(health::Column::CodeRef.eq(code_ref)).into_tuple().one(db).await
}

/// People for whom the passing of days changes something on `day` or did before.
pub async fn turning(db: &impl ConnectionTrait, day: i32, limit: u64) -> Result<Vec<Uuid>, DbErr> {
    use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
    let query = health::Entity::find().select_only().column(health::Column::PersonId);
    let query = query.filter(health::Column::TurnsOn.lte(day)).order_by_asc(health::Column::TurnsOn);
    query.limit(limit).into_tuple().all(db).await
}
