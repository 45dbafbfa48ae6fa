//! The codes of venues and zones: made in pairs (in and out), replaced in pairs, found by the number in the token.

use std::collections::{HashMap, HashSet};

use mashang_domain::time::Timestamp;
use mashang_domain::venue::code::NUMBERS;
use mashang_domain::venue::{Category, Direction, VenueState};
use mashang_entity::venue_code::{self, Column};
use mashang_entity::zone;
use rand::TryRng;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType,
    QueryFilter, QueryOrder, QuerySelect, RelationDef, Statement,
};
use uuid::Uuid;

/// What has codes: a venue itself, or one of its zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Door {
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
}

/// Rows of one statement: SQLite binds at most 32,766 values.
const ROWS: usize = 4_000;
/// How often a number that is taken is drawn again; the second time is rarer than a broken random source.
const DRAWS: usize = 8;

/// Makes the in and the out code of every door.
pub async fn issue(
    tx: &impl ConnectionTrait,
    doors: &[(Door, i32)],
    now: Timestamp,
) -> Result<Vec<venue_code::Model>, DbErr> {
    let mut codes = Vec::with_capacity(doors.len() * 2);
    for (door, version) in doors {
        for direction in Direction::ALL {
            codes.push(venue_code::Model {
                number: 0,
                venue_id: door.venue_id,
                zone_id: door.zone_id,
                direction: *direction,
                version: *version,
                created_at: now,
                revoked_at: None,
            });
        }
    }
    for some in codes.chunks_mut(ROWS) {
        write(tx, some).await?;
    }
    Ok(codes)
}

/// Writes codes under fresh numbers; those whose number is taken draw again.
async fn write(tx: &impl ConnectionTrait, codes: &mut [venue_code::Model]) -> Result<(), DbErr> {
    let mut waiting: Vec<&mut venue_code::Model> = codes.iter_mut().collect();
    for _ in 0..DRAWS {
        let mut used = HashSet::with_capacity(waiting.len());
        for code in &mut waiting {
            code.number = fresh_number()?;
            while !used.insert(code.number) {
                code.number = fresh_number()?;
            }
        }
        let rows = waiting.iter().map(|c| active(c));
        let taken = OnConflict::column(Column::Number).do_nothing().to_owned();
        let count =
            venue_code::Entity::insert_many(rows).on_conflict(taken).exec_without_returning(tx).await?;
        if usize::try_from(count) == Ok(waiting.len()) {
            return Ok(());
        }
        let written = ours(tx, &waiting).await?;
        waiting.retain(|c| !written.contains(&c.number));
    }
    Err(DbErr::Custom("no free code number was drawn".to_owned()))
}

/// The numbers that were written just now: those that belong to the door that drew them.
async fn ours(tx: &impl ConnectionTrait, waiting: &[&mut venue_code::Model]) -> Result<HashSet<i64>, DbErr> {
    let mine: HashMap<i64, &venue_code::Model> = waiting.iter().map(|c| (c.number, &**c)).collect();
    let query = venue_code::Entity::find().filter(Column::Number.is_in(mine.keys().copied()));
    let found = query.all(tx).await?;
    Ok(found.into_iter().filter(|row| mine.get(&row.number) == Some(&row)).map(|row| row.number).collect())
}

fn active(c: &venue_code::Model) -> venue_code::ActiveModel {
    venue_code::ActiveModel {
        number: Set(c.number),
        venue_id: Set(c.venue_id),
        zone_id: Set(c.zone_id),
        direction: Set(c.direction),
        version: Set(c.version),
        created_at: Set(c.created_at),
        revoked_at: Set(c.revoked_at),
    }
}

/// 45 random bits.
fn fresh_number() -> Result<i64, DbErr> {
    let bits = rand::rngs::SysRng.try_next_u64().map_err(|e| DbErr::Custom(e.to_string()))?;
    Ok(i64::try_from(bits >> 1).unwrap_or(0) & (NUMBERS - 1))
}

/// Replaces the codes of doors: the old ones are revoked, new ones take the next version. Returns the numbers of the
/// old and the new codes. A door without codes gets its first.
pub async fn rotate(
    tx: &impl ConnectionTrait,
    doors: &[Door],
    now: Timestamp,
) -> Result<(Vec<i64>, Vec<venue_code::Model>), DbErr> {
    let venues: HashSet<Uuid> = doors.iter().map(|d| d.venue_id).collect();
    let all = venue_code::Entity::find().filter(Column::VenueId.is_in(venues)).all(tx).await?;
    let mut latest: HashMap<Door, i32> = doors.iter().map(|d| (*d, 0)).collect();
    let mut revoked = Vec::new();
    for code in all {
        let door = Door { venue_id: code.venue_id, zone_id: code.zone_id };
        let Some(version) = latest.get_mut(&door) else { continue };
        *version = Ord::max(code.version, *version);
        if code.revoked_at.is_none() {
            revoked.push(code.number);
        }
    }
    for some in revoked.chunks(ROWS) {
        let update = venue_code::Entity::update_many().col_expr(Column::RevokedAt, Expr::value(now));
        update.filter(Column::Number.is_in(some.iter().copied())).exec(tx).await?;
    }
    let next: Vec<(Door, i32)> =
        doors.iter().map(|d| (*d, latest.get(d).copied().unwrap_or(0) + 1)).collect();
    let issued = issue(tx, &next, now).await?;
    Ok((revoked, issued))
}

/// A code with the name of its zone.
#[derive(Debug, Clone, PartialEq, FromQueryResult)]
pub struct NamedCode {
    pub number: i64,
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub zone_name: Option<String>,
    pub direction: Direction,
    pub version: i32,
    pub revoked_at: Option<Timestamp>,
}

/// The codes that hold, of many venues at once: the venue's own first, then zone by zone, in before out.
pub async fn live(db: &impl ConnectionTrait, venues: &[Uuid]) -> Result<Vec<NamedCode>, DbErr> {
    let live = Column::VenueId.is_in(venues.iter().copied()).and(Column::RevokedAt.is_null());
    let mut found = named().filter(live).into_model::<NamedCode>().all(db).await?;
    found.sort_by_key(|c| (c.venue_id, c.zone_id, c.direction));
    Ok(found)
}

/// The newest codes of a venue that were replaced.
pub async fn revoked(db: &impl ConnectionTrait, venue: Uuid, limit: u64) -> Result<Vec<NamedCode>, DbErr> {
    let over = Column::VenueId.eq(venue).and(Column::RevokedAt.is_not_null());
    let query = named().filter(over).order_by_desc(Column::RevokedAt).order_by_asc(Column::Number);
    query.limit(limit).into_model::<NamedCode>().all(db).await
}

fn named() -> sea_orm::Select<venue_code::Entity> {
    let zone_of: RelationDef =
        venue_code::Entity::belongs_to(zone::Entity).from(Column::ZoneId).to(zone::Column::Id).into();
    let columns = [
        Column::Number,
        Column::VenueId,
        Column::ZoneId,
        Column::Direction,
        Column::Version,
        Column::RevokedAt,
    ];
    venue_code::Entity::find()
        .select_only()
        .columns(columns)
        .column_as(zone::Column::Name, "zone_name")
        .join(JoinType::LeftJoin, zone_of)
}

/// What a code stands for, all that a scan wants to know, read at once.
#[derive(Debug, Clone, PartialEq, FromQueryResult)]
pub struct CodePlace {
    pub venue_id: Uuid,
    pub zone_id: Option<Uuid>,
    pub direction: Direction,
    pub revoked_at: Option<Timestamp>,
    pub zone_name: Option<String>,
    pub venue_name: String,
    pub external_ref: Option<String>,
    pub category: Category,
    pub division_code: String,
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub state: VenueState,
}

/// The place of a number, in one statement.
pub async fn place(db: &impl ConnectionTrait, number: i64) -> Result<Option<CodePlace>, DbErr> {
    const PLACE: &str = "\
        SELECT c.venue_id, c.zone_id, c.direction, c.revoked_at, z.name AS zone_name, v.name AS venue_name, \
               v.external_ref, v.category, v.division_code, v.lat, v.lon, v.state \
        FROM venue_code c JOIN venue v ON v.id = c.venue_id LEFT JOIN zone z ON z.id = c.zone_id \
        WHERE c.number = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), PLACE, [number.into()]);
    CodePlace::find_by_statement(statement).one(db).await
}

/// The numbers of a venue's codes that hold, so that caches can drop them.
pub async fn live_numbers(db: &impl ConnectionTrait, venue: Uuid) -> Result<Vec<i64>, DbErr> {
    let live = Column::VenueId.eq(venue).and(Column::RevokedAt.is_null());
    venue_code::Entity::find().select_only().column(Column::Number).filter(live).into_tuple().all(db).await
}
