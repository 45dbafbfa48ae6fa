//! Official lists meet people: entries that come, and people who declare.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use mashang_domain::health::{Event, Fact, KeyArea, RecordKind, RuleSet, Stay};
use mashang_domain::person::Actor;
use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::contradiction::{Known, Stated, follows};
use super::{Done, Happening, apply};
use crate::bugs::{self, Bug};
use crate::store::health_match::{self as people, Declarer};
use crate::store::health_record::{self as records, Entry, Turn};
use crate::store::key_area;

/// Somebody who declares.
pub struct Declaring<'a> {
    pub person: Uuid,
    pub division: &'a str,
    /// What the declaration states.
    pub stated: &'a BTreeSet<Fact>,
    /// From where they say they came.
    pub stay: Option<Stay>,
    pub on: NaiveDate,
    pub identity_hash: &'a [u8],
    pub phone_hash: Vec<u8>,
    pub actor: &'a Actor,
}

/// What follows from the lists that are there, to be applied after the declaration itself. Call it at the start of the
/// writing transaction, before anybody's code is taken.
///
/// # Errors
/// When the database fails.
pub async fn at_declaration(
    tx: &impl ConnectionTrait,
    rules: &RuleSet,
    who: &Declaring<'_>,
) -> Result<Vec<Happening>, DbErr> {
    records::turn(tx, Turn::Look).await?;
    let entries = records::that_fit(tx, who.identity_hash, &who.phone_hash).await?;
    let stayed = match who.stay.as_ref().filter(|stay| stay.counts_on(who.on)) {
        Some(stay) => areas_of(stay, &key_area::in_force(tx).await?),
        None => Vec::new(),
    };
    let evidence: Vec<Uuid> = entries.iter().map(|e| e.id).chain(stayed.iter().copied()).collect();
    let known = Known::of(&people::noted(tx, &evidence).await?);
    let stated = Stated { facts: who.stated.clone(), on: who.on, identity_hash: who.identity_hash.to_vec() };
    let mut happenings = Vec::new();
    for entry in &entries {
        happenings.extend(follows(who.person, entry, Some(&stated), &known, who.on, rules, who.actor));
    }
    let fresh = stayed.into_iter().filter(|id| !known.has(who.person, *id, Fact::RecordKeyArea));
    happenings.extend(fresh.map(|record| Happening {
        person: who.person,
        division: who.division.to_owned(),
        event: Event::Matched { kind: RecordKind::KeyArea, record },
        actor: who.actor.clone(),
    }));
    Ok(happenings)
}

/// What follows from a stay that somebody states apart from a declaration. Call it as [`at_declaration`].
///
/// # Errors
/// When the database fails.
pub async fn at_stay(
    tx: &impl ConnectionTrait,
    person: Uuid,
    stay: &Stay,
    on: NaiveDate,
    actor: &Actor,
) -> Result<Vec<Happening>, DbErr> {
    records::turn(tx, Turn::Look).await?;
    if !stay.counts_on(on) {
        return Ok(Vec::new());
    }
    let areas = areas_of(stay, &key_area::in_force(tx).await?);
    let known = Known::of(&people::noted(tx, &areas).await?);
    let fresh = areas.into_iter().filter(|id| !known.has(person, *id, Fact::RecordKeyArea));
    Ok(fresh
        .map(|record| Happening {
            person,
            division: String::new(),
            event: Event::Matched { kind: RecordKind::KeyArea, record },
            actor: actor.clone(),
        })
        .collect())
}

/// The areas that a stay lies in.
pub fn areas_of(stay: &Stay, areas: &[(Uuid, KeyArea)]) -> Vec<Uuid> {
    areas.iter().filter(|(_, area)| area.holds(stay)).map(|(id, _)| *id).collect()
}

/// What came of entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Met {
    /// People and entries that fit each other for the first time.
    pub matched: u64,
    /// Declarations that turned out to be false.
    pub contradicted: u64,
    /// Whose codes may have changed.
    pub people: Vec<Uuid>,
}

/// Applies entries to everybody whom they fit.
///
/// # Errors
/// When the database fails.
pub async fn meet(
    tx: &impl ConnectionTrait,
    rules: &RuleSet,
    entries: &[Entry],
    actor: &Actor,
    now: Timestamp,
) -> Result<Met, DbErr> {
    let fits = fitting(tx, entries).await?;
    if fits.is_empty() {
        return Ok(Met::default());
    }
    let concerned: Vec<Uuid> =
        fits.iter().map(|(person, _)| *person).collect::<BTreeSet<_>>().into_iter().collect();
    let stated = stated_by(tx, &concerned).await?;
    let ids: Vec<Uuid> =
        fits.iter().map(|(_, entry)| entry.id).collect::<BTreeSet<_>>().into_iter().collect();
    let known = Known::of(&people::noted(tx, &ids).await?);
    let today = now.shanghai_day();
    let of = |(person, entry): &(Uuid, &Entry)| {
        follows(*person, entry, stated.get(person), &known, today, rules, actor)
    };
    let happenings: Vec<Happening> = fits.iter().flat_map(of).collect();
    Ok(count(&happenings, &apply(tx, rules, &happenings, now).await?))
}

fn count(happenings: &[Happening], done: &[Done]) -> Met {
    let mut met = Met::default();
    let mut touched = BTreeSet::new();
    for (happening, done) in happenings.iter().zip(done) {
        if !matches!(done, Done::Applied(_)) {
            continue;
        }
        touched.insert(happening.person);
        match happening.event {
            Event::Matched { .. } => met.matched += 1,
            Event::Contradicted { .. } => met.contradicted += 1,
            _ => {}
        }
    }
    met.people = touched.into_iter().collect();
    met
}

/// Whom these entries fit: by the document that somebody declared, or by their number.
///
/// # Errors
/// When the database fails.
pub async fn fitting<'a>(
    db: &impl ConnectionTrait,
    entries: &'a [Entry],
) -> Result<Vec<(Uuid, &'a Entry)>, DbErr> {
    let identities: Vec<&[u8]> = distinct(entries.iter().filter_map(|e| e.identity_hash.as_deref()));
    let phones: Vec<&[u8]> = distinct(entries.iter().filter_map(|e| e.phone_hash.as_deref()));
    let mut by_document: HashMap<Vec<u8>, Vec<Uuid>> = HashMap::new();
    for declarer in people::declarers(db, &identities).await? {
        if bugs::has(Bug::NoMatchByDocument) {
            break;
        }
        by_document.entry(declarer.identity_hash).or_default().push(declarer.person_id);
    }
    let by_number: HashMap<Vec<u8>, Uuid> =
        people::numbered(db, &phones).await?.into_iter().map(|p| (p.phone_hash, p.id)).collect();
    let mut fits = Vec::new();
    for entry in entries {
        let declared = entry.identity_hash.as_ref().and_then(|hash| by_document.get(hash));
        let numbered = entry.phone_hash.as_ref().and_then(|hash| by_number.get(hash));
        let numbered = numbered.filter(|_| !bugs::has(Bug::NoMatchByNumber));
        let found: BTreeSet<Uuid> = declared.into_iter().flatten().chain(numbered).copied().collect();
        fits.extend(found.into_iter().map(|person| (person, entry)));
    }
    Ok(fits)
}

fn distinct<'a>(hashes: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    hashes.collect::<HashSet<_>>().into_iter().collect()
}

/// The present declarations of these people. What they state is read from the facts, so that nothing has to be opened.
async fn stated_by(db: &impl ConnectionTrait, of: &[Uuid]) -> Result<HashMap<Uuid, Stated>, DbErr> {
    let declarations: Vec<Declarer> = people::declarations_of(db, of).await?;
    let ids: Vec<Uuid> = declarations.iter().map(|d| d.id).collect();
    let mut facts: HashMap<Uuid, BTreeSet<Fact>> = HashMap::new();
    for noted in people::noted(db, &ids).await? {
        facts.entry(noted.evidence).or_default().extend(noted.fact().filter(|fact| fact.is_declared()));
    }
    let stated = |d: Declarer| {
        let facts = facts.remove(&d.id).unwrap_or_default();
        (d.person_id, Stated { facts, on: d.created_at.shanghai_day(), identity_hash: d.identity_hash })
    };
    Ok(declarations.into_iter().map(stated).collect())
}
