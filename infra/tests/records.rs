//! Everybody is looked at again by new rules: in steps, once, from where it stopped; and how fast. Lists and declarations
//! that come at once.

mod database;

use std::collections::BTreeSet;
use std::time::Instant;

use database::{Database, say};
use mashang_domain::health::{Colour, Event, Fact, RecordKind, RuleSet};
use mashang_domain::person::Actor;
use mashang_domain::time::Timestamp;
use mashang_entity::{declaration, health_record, person, rule_version};
use mashang_infra::db::Db;
use mashang_infra::health::{
    Declaring, Happening, Met, apply, at_declaration, meet, review, versions, withdraw,
};
use mashang_infra::store::health_record::{self as records, Turn};
use mashang_infra::store::{declaration as declarations, health, rule_version as store};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

const NOON: Timestamp = Timestamp(1_581_393_600_000);

/// The shipped rules in this version, in which a contact on record is yellow.
fn milder(version: u32) -> (RuleSet, String) {
    let text = RuleSet::shipped_text().replace("version = 1\n", &format!("version = {version}\n"));
    let text = text.replace(
        "any = [\"record_close_contact\"]\ncolour = \"red\"",
        "any = [\"record_close_contact\"]\ncolour = \"yellow\"",
    );
    (RuleSet::parse(&text).expect("rules"), text)
}

/// `people` who have declared; every second one is a contact on record.
async fn people(db: &Db, people: u128) {
    for chunk in (1..=people).collect::<Vec<_>>().chunks(500) {
        let mut happenings = Vec::new();
        for person in chunk {
            let happening = |event| Happening {
                person: Uuid::from_u128(*person),
                division: "330106".to_owned(),
                event,
                actor: Actor::System("test"),
            };
            let declaration = Uuid::from_u128(1_000_000_000 + person);
            happenings
                .push(happening(Event::Declared { facts: BTreeSet::from([Fact::Declared]), declaration }));
            if person % 2 == 0 {
                let record = Uuid::from_u128(2_000_000_000 + person);
                happenings.push(happening(Event::Matched { kind: RecordKind::CloseContact, record }));
            }
        }
        let tx = db.begin_write().await.expect("begun");
        apply(&*tx, &RuleSet::shipped(), &happenings, NOON).await.expect("applied");
        tx.commit().await.expect("committed");
    }
}

async fn newest(db: &Db) -> rule_version::Model {
    store::newest(db.conn()).await.expect("asked").expect("a version")
}

#[tokio::test]
async fn a_review_goes_on_where_it_stopped_and_two_do_it_once() {
    for database in Database::all().await {
        let db = &database.db;
        people(db, 1_200).await;
        let (rules, text) = milder(2);
        versions::register(db, &rules, &text, NOON).await.expect("registered");
        versions::register(db, &rules, &text, NOON).await.expect("the same again is harmless");
        let begin = newest(db).await;
        let first = review::step(db, &rules, &begin, NOON).await.expect("looked").expect("somebody");
        assert_eq!((first.version.reviewed, first.changed.len()), (500, 250), "{}", database.name);
        let late = review::step(db, &rules, &begin, NOON).await.expect("looked");
        assert!(late.is_none(), "who comes with an older mark is sent away");
        assert_eq!(newest(db).await, first.version, "the mark is in the database");
        let mut version = newest(db).await;
        while version.done_at.is_none() {
            // Two at once: one of them is sent away, or comes after the other.
            let (a, b) = tokio::join!(
                review::step(db, &rules, &version, NOON),
                review::step(db, &rules, &version, NOON)
            );
            let done = [a.expect("looked"), b.expect("looked")];
            assert_eq!(done.iter().flatten().count(), 1, "{}", database.name);
            version = newest(db).await;
        }
        assert_eq!((version.reviewed, version.changed), (1_200, 600), "{}", database.name);
        let colours = database.number("SELECT count(*) FROM health WHERE colour = 'yellow'").await;
        let reviews = database.number("SELECT count(*) FROM health_change WHERE kind = 'review'").await;
        assert_eq!((colours, reviews), (600, 600), "{}", database.name);
        database.close().await;
    }
}

#[tokio::test]
async fn versions_only_grow() {
    for database in Database::all().await {
        let db = &database.db;
        let (two, text) = milder(2);
        versions::register(db, &two, &text, NOON).await.expect("registered");
        let changed = format!("{text}\n# a note\n");
        let refused = versions::register(db, &two, &changed, NOON).await.expect_err("refused");
        assert!(matches!(refused, versions::VersionError::Changed(2)), "{refused}");
        let shipped = RuleSet::shipped();
        let refused =
            versions::register(db, &shipped, RuleSet::shipped_text(), NOON).await.expect_err("refused");
        assert!(matches!(refused, versions::VersionError::Lower { own: 1, in_force: 2 }), "{refused}");
        database.close().await;
    }
}

/// Not a test of speed but a measurement: `REVIEW_PEOPLE=100000 cargo nextest run .. --no-capture`.
#[tokio::test]
async fn how_many_people_a_second() {
    let wanted = std::env::var("REVIEW_PEOPLE").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_u128);
    for database in Database::all().await {
        let db = &database.db;
        people(db, wanted).await;
        let (rules, text) = milder(2);
        versions::register(db, &rules, &text, NOON).await.expect("registered");
        let (begun, mut version) = (Instant::now(), newest(db).await);
        while version.done_at.is_none() {
            version = review::step(db, &rules, &version, NOON).await.expect("looked").expect("alone").version;
        }
        let seconds = begun.elapsed().as_secs_f64();
        say(&format!(
            "{}: {wanted} people looked at in {seconds:.1} s, half of them recoloured",
            database.name
        ));
        assert_eq!(version.reviewed, i64::try_from(wanted).expect("fits"));
        database.close().await;
    }
}

fn entry(id: u128, identity_hash: Option<&[u8]>, phone_hash: Option<&[u8]>) -> health_record::Model {
    health_record::Model {
        id: Uuid::from_u128(id),
        import_id: Uuid::from_u128(78),
        kind: RecordKind::CloseContact,
        division_code: "330106".to_owned(),
        digest: id.to_be_bytes().to_vec(),
        identity_hash: identity_hash.map(<[u8]>::to_vec),
        phone_hash: phone_hash.map(<[u8]>::to_vec),
        day: 18_303,
        ends_on: None,
        completed_at: None,
        sealed: Vec::new(),
        key_version: 1,
        created_at: NOON,
        withdrawn_at: None,
        withdrawn_by: None,
    }
}

/// Adds entries as an import does.
async fn add(db: &Db, rows: &[health_record::Model]) -> Met {
    let tx = db.begin_write().await.expect("begun");
    records::turn(&*tx, Turn::Change).await.expect("a turn");
    records::insert(&*tx, rows).await.expect("added");
    let digests: Vec<Vec<u8>> = rows.iter().map(|row| row.digest.clone()).collect();
    let entries = records::by_digests(&*tx, &digests).await.expect("read");
    let met = meet(&*tx, &RuleSet::shipped(), &entries, &Actor::System("test"), NOON).await.expect("met");
    tx.commit().await.expect("committed");
    met
}

fn declaration_of(person: Uuid, id: Uuid, identity_hash: &[u8]) -> declaration::Model {
    declaration::Model {
        id,
        person_id: person,
        division_code: "330106".to_owned(),
        identity_hash: identity_hash.to_vec(),
        sealed: Vec::new(),
        key_version: 1,
        notice_version: String::new(),
        guardian: false,
        created_at: NOON,
    }
}

/// A person with a number, who declares.
async fn declared(db: &Db, person: u128, identity_hash: &[u8], phone_hash: &[u8], stated: &[Fact]) {
    let (id, declaration) = (Uuid::from_u128(person), Uuid::from_u128(1_000_000_000 + person));
    let row = person::Model {
        id,
        phone_hash: phone_hash.to_vec(),
        phone_sealed: Vec::new(),
        key_version: 1,
        created_at: NOON,
    };
    let tx = db.begin_write().await.expect("begun");
    person::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(&*tx)
        .await
        .expect("added");
    declarations::insert(&*tx, declaration_of(id, declaration, identity_hash)).await.expect("declared");
    let facts = stated.iter().copied().chain([Fact::Declared]).collect();
    let event = Event::Declared { facts, declaration };
    let declared = Happening { person: id, division: "330106".to_owned(), event, actor: Actor::Citizen(id) };
    apply(&*tx, &RuleSet::shipped(), &[declared], NOON).await.expect("applied");
    tx.commit().await.expect("committed");
}

async fn colour(db: &Db, person: u128) -> (Colour, String) {
    let row = health::by_person(db.conn(), Uuid::from_u128(person)).await.expect("asked").expect("a code");
    (row.colour, row.reason)
}

#[tokio::test]
async fn an_entry_fits_by_document_or_number() {
    for database in Database::all().await {
        let db = &database.db;
        let stated: [&[Fact]; 4] = [&[], &[Fact::DeclaredContact], &[], &[]];
        for (person, stated) in (1..).zip(stated) {
            let hash = |kind: &str| format!("{kind} {person}").into_bytes();
            declared(db, person, &hash("document"), &hash("number"), stated).await;
        }
        let met = add(
            db,
            &[
                entry(71, Some(b"document 1"), None),
                entry(72, None, Some(b"number 2")),
                entry(73, Some(b"somebody else's"), Some(b"number 3")),
            ],
        )
        .await;
        assert_eq!((met.matched, met.contradicted), (3, 1), "{}", database.name);
        assert_eq!(colour(db, 1).await, (Colour::Red, "false_declaration".to_owned()));
        assert_eq!(colour(db, 2).await.0, Colour::Red);
        assert_eq!(colour(db, 3).await, (Colour::Red, "close_contact".to_owned()));
        assert_eq!(colour(db, 4).await.0, Colour::Green);
        database.close().await;
    }
}

#[tokio::test]
async fn what_is_taken_back_colours_nobody() {
    for database in Database::all().await {
        let db = &database.db;
        declared(db, 1, b"document", b"number", &[]).await;
        add(db, &[entry(71, Some(b"document"), None)]).await;
        assert_eq!(colour(db, 1).await.0, Colour::Red, "{}", database.name);
        let tx = db.begin_write().await.expect("begun");
        let actor = Actor::System("test");
        let people = withdraw(&*tx, &RuleSet::shipped(), &[Uuid::from_u128(71)], &actor, NOON + 1).await;
        assert_eq!(people.expect("taken back"), [Uuid::from_u128(1)]);
        tx.commit().await.expect("committed");
        assert_eq!(colour(db, 1).await, (Colour::Green, "withdrawn".to_owned()));
        let lifted = "SELECT count(*) FROM integrity_record WHERE kind = 'lifted'";
        assert_eq!(database.number(lifted).await, 1);
        database.close().await;
    }
}

#[tokio::test]
async fn who_declares_while_a_list_comes_is_not_missed() {
    for database in Database::all().await {
        let (db, other) = (&database.db, database.db.clone());
        let (person, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let tx = db.begin_write().await.expect("begun");
        let stated = BTreeSet::from([Fact::Declared, Fact::DeclaredContact]);
        let who = Declaring {
            person,
            division: "330106",
            stated: &stated,
            stay: None,
            on: NOON.shanghai_day(),
            identity_hash: b"document",
            phone_hash: Vec::new(),
            actor: &Actor::Citizen(person),
        };
        let rules = RuleSet::shipped();
        let told = at_declaration(&*tx, &rules, &who).await.expect("asked");
        assert!(told.is_empty(), "the list is not there yet");
        // It comes now, and has to wait: else neither would see the other.
        let coming = tokio::spawn(async move { add(&other, &[entry(77, Some(b"document"), None)]).await });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!coming.is_finished(), "{}", database.name);
        declarations::insert(&*tx, declaration_of(person, id, b"document")).await.expect("declared");
        let declared = Happening {
            person,
            division: "330106".to_owned(),
            event: Event::Declared { facts: stated.clone(), declaration: id },
            actor: Actor::Citizen(person),
        };
        apply(&*tx, &rules, &[declared], NOON).await.expect("applied");
        tx.commit().await.expect("committed");
        assert_eq!(coming.await.expect("ended").matched, 1, "{}", database.name);
        database.close().await;
    }
}
