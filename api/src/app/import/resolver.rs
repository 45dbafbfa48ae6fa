//! Whom and what lines speak of: a chunk's people and venues in a few statements, recent ones from memory.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use mashang_domain::person::Phone;
use mashang_domain::time::Timestamp;
use mashang_domain::venue::Category;
use mashang_infra::store::import_refs::{self, ImportVenue, NewVenue};
use sea_orm::DbErr;
use uuid::Uuid;

use super::reader::Line;
use super::{ImportContext, ImportError, ImportOptions};

/// People that are remembered, some 60 bytes each.
const PEOPLE: usize = 400_000;

/// Venues that are remembered, some 150 bytes each.
const VENUES: usize = 100_000;

/// Characters of a venue's name that are kept.
const NAME_CHARS: usize = 80;

pub(super) struct Resolver {
    people: Recent<u64, Uuid>,
    venues: Recent<Box<str>, ImportVenue>,
    pub people_made: u64,
    pub venues_made: u64,
}

/// What one chunk speaks of.
pub(super) struct Resolved {
    pub people: HashMap<u64, Uuid>,
    pub venues: HashMap<Box<str>, ImportVenue>,
}

impl Resolver {
    pub fn new() -> Self {
        Self { people: Recent::new(PEOPLE), venues: Recent::new(VENUES), people_made: 0, venues_made: 0 }
    }

    pub async fn resolve(
        &mut self,
        ctx: &ImportContext,
        options: &ImportOptions,
        lines: impl Iterator<Item = &Line> + Clone,
        now: Timestamp,
    ) -> Result<Resolved, ImportError> {
        let venues = self.venues(ctx, options, lines.clone(), now).await?;
        // A line without a venue makes nobody.
        let with_venue = lines.filter(|line| venues.contains_key(&line.venue));
        let people = self.people(ctx, with_venue, now).await?;
        Ok(Resolved { people, venues })
    }

    async fn people(
        &mut self,
        ctx: &ImportContext,
        lines: impl Iterator<Item = &Line>,
        now: Timestamp,
    ) -> Result<HashMap<u64, Uuid>, ImportError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for number in lines.map(|line| line.phone).collect::<HashSet<_>>() {
            match self.people.get(&number) {
                Some(id) => drop(found.insert(number, id)),
                None => missing.push(number),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        missing.sort_unstable();
        let stored = |number: &u64| Phone::from_stored(format!("+{number}"));
        let phones: Vec<Phone> = missing.iter().filter_map(stored).collect();
        let (ids, made) = import_refs::people(&ctx.db, &ctx.keys, &phones, now).await?;
        self.people_made += made;
        for (number, id) in missing.into_iter().zip(ids) {
            self.people.insert(number, id);
            found.insert(number, id);
        }
        Ok(found)
    }

    async fn venues(
        &mut self,
        ctx: &ImportContext,
        options: &ImportOptions,
        lines: impl Iterator<Item = &Line>,
        now: Timestamp,
    ) -> Result<HashMap<Box<str>, ImportVenue>, DbErr> {
        let mut found: HashMap<Box<str>, ImportVenue> = HashMap::new();
        let mut missing: HashMap<&str, &Line> = HashMap::new();
        for line in lines {
            // No venue's name holds a NUL, and PostgreSQL could not look for one.
            let no_name = line.venue.contains('\0');
            if no_name || found.contains_key(&line.venue) || missing.contains_key(&*line.venue) {
                continue;
            }
            match self.venues.get(&line.venue) {
                Some(venue) => drop(found.insert(line.venue.clone(), venue)),
                None => drop(missing.insert(&line.venue, line)),
            }
        }
        let asked: Vec<String> = missing.keys().map(|&r| r.to_owned()).collect();
        let mut there = import_refs::venues(ctx.db.conn(), &options.scope, &asked).await?;
        if options.create_venues && there.len() < missing.len() {
            let mut new: Vec<NewVenue> = missing
                .iter()
                .filter(|(reference, _)| !there.contains_key(**reference))
                .map(|(_, line)| described(line, options))
                .collect();
            new.sort_by(|a, b| a.reference.cmp(&b.reference));
            let by = super::run::staff_id(&options.actor);
            self.venues_made += import_refs::create_venues(&ctx.db, &ctx.keys, &new, by, now).await?;
            let made: Vec<String> = new.into_iter().map(|venue| venue.reference).collect();
            there.extend(import_refs::venues(ctx.db.conn(), &options.scope, &made).await?);
        }
        for (reference, venue) in there {
            let reference: Box<str> = reference.into();
            self.venues.insert(reference.clone(), venue.clone());
            found.insert(reference, venue);
        }
        Ok(found)
    }
}

fn described(line: &Line, options: &ImportOptions) -> NewVenue {
    let name = line.description.as_ref().map_or("", |d| &*d.name);
    let name = if name.is_empty() { &*line.venue } else { name };
    NewVenue {
        reference: line.venue.to_string(),
        name: name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect(),
        category: name.to_lowercase().parse().unwrap_or(Category::Other),
        division_code: options.division_code.clone(),
        place: line.description.as_ref().and_then(|d| d.place),
    }
}

/// Remembers what was used lately: two generations, of which the older is dropped when the younger is full.
struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash + Clone, V: Clone> Recent<K, V> {
    fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: capacity / 2 }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.insert(key.clone(), value.clone());
        Some(value)
    }

    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}
