//! Quarantines that are over, as a list says.

use mashang_domain::health::{Event, RuleSet};
use mashang_domain::person::Actor;
use mashang_domain::time::{Timestamp, day_of_number};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::batch::changed;
use super::matching::fitting;
use super::{Happening, apply};
use crate::store::health;
use crate::store::health_record::{self as records, Entry};

/// Ends the quarantines of these entries for whom they fit, and notes that it was done; answers whose codes changed. A
/// quarantine stands for no colour that began after it.
///
/// # Errors
/// When the database fails.
pub async fn complete(
    tx: &impl ConnectionTrait,
    rules: &RuleSet,
    entries: &[Entry],
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    let fits = fitting(tx, entries).await?;
    let mut people: Vec<Uuid> = fits.iter().map(|(person, _)| *person).collect();
    people.sort_unstable();
    people.dedup();
    let rows = health::take(tx, &people).await?;
    let concerned = |(person, entry): &(Uuid, &Entry)| {
        let row = rows.get(person)?;
        let ended = day_of_number(entry.ends_on?);
        (row.since.shanghai_day() <= ended).then(|| Happening {
            person: *person,
            division: row.division_code.clone(),
            event: Event::QuarantineCompleted { record: entry.id },
            actor: actor.clone(),
        })
    };
    let happenings: Vec<Happening> = fits.iter().filter_map(concerned).collect();
    let done = apply(tx, rules, &happenings, now).await?;
    let ids: Vec<Uuid> = entries.iter().map(|e| e.id).collect();
    records::complete(tx, &ids, now).await?;
    Ok(changed(&happenings, &done))
}
