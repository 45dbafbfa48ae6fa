//! Events of health codes, many at once: states, history, facts, and evidence that comes twice.

mod database;

use std::collections::BTreeSet;

use database::Database;

use mashang_domain::health::{
    ChangeKind, Colour, Event, Fact, RecordKind, Review, RuleSet, Symptom, Temperature,
};
use mashang_domain::person::Actor;
use mashang_domain::time::{DAY, Timestamp};
use mashang_entity::{code_check, health, health_change, integrity_record};
use mashang_infra::db::Db;
use mashang_infra::health::{Done, Happening, apply, daily, state_of};
use mashang_infra::store::code_check::CheckLog;
use mashang_infra::store::health as store;
use sea_orm::EntityTrait;
use uuid::Uuid;

const NOON: Timestamp = Timestamp(1_581_393_600_000);
const ACTOR: Actor = Actor::System("test");

fn happening(person: u128, event: Event) -> Happening {
    Happening { person: Uuid::from_u128(person), division: "530102".to_owned(), event, actor: ACTOR }
}

fn declared(person: u128, facts: &[Fact], id: u128) -> Happening {
    let facts = facts.iter().copied().collect();
    happening(person, Event::Declared { facts, declaration: Uuid::from_u128(id) })
}

fn matched(person: u128, kind: RecordKind, id: u128) -> Happening {
    happening(person, Event::Matched { kind, record: Uuid::from_u128(id) })
}

async fn run(db: &Db, happenings: &[Happening], now: Timestamp) -> Vec<Done> {
    let tx = db.begin_write().await.expect("begun");
    let done = apply(&*tx, &RuleSet::shipped(), happenings, now).await.expect("applied");
    tx.commit().await.expect("committed");
    done
}

async fn row(db: &Db, person: u128) -> health::Model {
    let row = store::by_person(db.conn(), Uuid::from_u128(person)).await.expect("asked");
    row.expect("there is a code")
}

async fn colours(db: &Db, people: &[u128]) -> Vec<Colour> {
    let mut colours = Vec::new();
    for person in people {
        colours.push(row(db, *person).await.colour);
    }
    colours
}

#[tokio::test]
async fn a_batch_moves_everybody_and_writes_it_down() {
    for database in Database::all().await {
        let db = &database.db;
        let events = [
            declared(1, &[], 101),
            declared(2, &[Fact::DeclaredSymptom], 102),
            matched(3, RecordKind::CloseContact, 103),
            declared(1, &[Fact::DeclaredContact], 104),
            happening(4, Event::Notice { level: 1, notice: Uuid::from_u128(105) }),
        ];
        let done = run(db, &events, NOON).await;
        assert!(done.iter().all(|d| matches!(d, Done::Applied(_))), "{done:?}");
        assert_eq!(colours(db, &[1, 2, 3]).await, [Colour::Red, Colour::Yellow, Colour::Red]);
        assert_eq!(store::by_person(db.conn(), Uuid::from_u128(4)).await.expect("asked"), None);
        let changes = health_change::Entity::find().all(db.conn()).await.expect("read");
        assert_eq!(changes.len(), 4, "{}: {changes:?}", database.name);
        assert!(changes.iter().all(|c| c.actor_kind == "system" && c.actor_id == "test"));
        let one = row(db, 1).await;
        assert_eq!((one.declaration_id, one.days_left), (Some(Uuid::from_u128(104)), 14));
    }
}

#[tokio::test]
async fn evidence_counts_once() {
    for database in Database::all().await {
        let db = &database.db;
        run(db, &[declared(1, &[], 101), matched(1, RecordKind::KeyArea, 102)], NOON).await;
        for day in 1..=7 {
            let check_in = Event::CheckIn {
                symptoms: BTreeSet::new(),
                temperature: Some(Temperature(365)),
                check_in: Uuid::from_u128(200 + day),
            };
            run(db, &[happening(1, check_in)], NOON + i64::try_from(day).expect("small") * DAY).await;
        }
        assert_eq!(colours(db, &[1]).await, [Colour::Green], "{}", database.name);
        let later = NOON + 8 * DAY;
        assert_eq!(run(db, &[matched(1, RecordKind::KeyArea, 102)], later).await, [Done::Known]);
        assert_eq!(store::known(db.conn(), &[Uuid::from_u128(1)]).await.expect("read").len(), 0, "served");
        run(db, &[matched(1, RecordKind::KeyArea, 103)], later).await;
        assert_eq!(colours(db, &[1]).await, [Colour::Yellow], "another entry is another matter");
    }
}

#[tokio::test]
async fn what_is_known_counts_together() {
    for database in Database::all().await {
        let db = &database.db;
        run(db, &[declared(1, &[Fact::DeclaredSymptom], 101)], NOON).await;
        run(db, &[matched(1, RecordKind::KeyArea, 102)], NOON + 1).await;
        let one = row(db, 1).await;
        assert_eq!((one.colour, one.rule.as_deref()), (Colour::Red, Some("key-area-with-symptoms")));
        // The other way round, in one batch.
        run(db, &[matched(2, RecordKind::KeyArea, 103), declared(2, &[Fact::DeclaredSymptom], 104)], NOON)
            .await;
        assert_eq!(row(db, 2).await.rule.as_deref(), Some("key-area-with-symptoms"), "{}", database.name);
        // A declaration without the symptom takes the place of the one before; what was coloured stays.
        run(db, &[declared(2, &[], 105)], NOON + 1).await;
        let known = store::known(db.conn(), &[Uuid::from_u128(2)]).await.expect("read");
        let facts: BTreeSet<Fact> = known.iter().filter_map(store::Known::fact).collect();
        assert_eq!(facts, BTreeSet::from([Fact::Declared, Fact::RecordKeyArea]));
        assert_eq!(colours(db, &[2]).await, [Colour::Red]);
    }
}

#[tokio::test]
async fn a_contradiction_stands_in_the_integrity_record() {
    for database in Database::all().await {
        let db = &database.db;
        let record = Uuid::from_u128(102);
        let events = [declared(1, &[], 101), happening(1, Event::Contradicted { record })];
        run(db, &events, NOON).await;
        run(db, &events[1..], NOON + 1).await;
        let entries = integrity_record::Entity::find().all(db.conn()).await.expect("read");
        assert_eq!(entries.len(), 1, "{}", database.name);
        assert_eq!((entries[0].evidence, entries[0].declaration_id), (record, Some(Uuid::from_u128(101))));
        assert_eq!(row(db, 1).await.reason, "false_declaration");
    }
}

#[tokio::test]
async fn what_was_taken_back_no_longer_counts() {
    for database in Database::all().await {
        let db = &database.db;
        let notice = Uuid::from_u128(102);
        run(db, &[declared(1, &[], 101), happening(1, Event::Notice { level: 3, notice })], NOON).await;
        assert_eq!(colours(db, &[1]).await, [Colour::Red]);
        let tx = db.begin_write().await.expect("begun");
        let people = store::withdraw(&*tx, &[notice], NOON + 1).await.expect("withdrawn");
        assert_eq!(people, [Uuid::from_u128(1)]);
        let facts = BTreeSet::from([Fact::Declared]);
        let review = Event::Reviewed { facts, because: Review::Withdrawn { evidence: notice } };
        apply(&*tx, &RuleSet::shipped(), &[happening(1, review)], NOON + 1).await.expect("applied");
        tx.commit().await.expect("committed");
        assert_eq!(colours(db, &[1]).await, [Colour::Green], "{}", database.name);
        assert_eq!(state_of(&row(db, 1).await).reason, "withdrawn");
        let changes = store::changes_of(db.conn(), Uuid::from_u128(1), None, 10).await.expect("read");
        let kinds: Vec<ChangeKind> = changes.iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [ChangeKind::Review, ChangeKind::Notice, ChangeKind::Declaration]);
    }
}

#[tokio::test]
async fn many_at_once_lose_nothing() {
    for database in Database::all().await {
        let db = &database.db;
        let rounds = (0..16u128).map(|n| async move {
            let events: Vec<Happening> = (1..=20)
                .map(|person| {
                    let symptoms = BTreeSet::from([Symptom::Cough]);
                    let check_in = Uuid::from_u128(1_000 + n * 100 + person);
                    happening(person, Event::CheckIn { symptoms, temperature: None, check_in })
                })
                .collect();
            run(db, &events, NOON).await
        });
        let done: Vec<Done> = futures_util::future::join_all(rounds).await.into_iter().flatten().collect();
        assert!(done.iter().all(|d| matches!(d, Done::Applied(_))), "{}", database.name);
        let people: Vec<Uuid> = (1..=20).map(Uuid::from_u128).collect();
        assert_eq!(store::known(db.conn(), &people).await.expect("read").len(), 320);
        let codes: BTreeSet<i64> =
            health::Entity::find().all(db.conn()).await.expect("read").iter().map(|h| h.code_ref).collect();
        assert_eq!(codes.len(), 20, "one code each");
    }
}

#[tokio::test]
async fn two_jobs_of_the_night_at_once_settle_everybody_once() {
    const PEOPLE: u128 = 1_200;
    for database in Database::all().await {
        let db = &database.db;
        let ill: Vec<Happening> =
            (1..=PEOPLE).map(|n| declared(n, &[Fact::DeclaredSymptom], 10_000 + n)).collect();
        run(db, &ill, NOON).await;
        let reports: Vec<Happening> = (1..=PEOPLE)
            .map(|n| {
                let check_in = Uuid::from_u128(20_000 + n);
                happening(n, Event::CheckIn { symptoms: BTreeSet::new(), temperature: None, check_in })
            })
            .collect();
        run(db, &reports, NOON + 1).await;
        let rules = RuleSet::shipped();
        let next = NOON + DAY;
        assert_eq!(daily::turn_days(db, &rules, next).await.expect("turned").len(), 0, "not missed yet");
        let later = NOON + 2 * DAY;
        let night = || async {
            let mut turned = 0;
            loop {
                match daily::turn_days(db, &rules, later).await.expect("turned").len() {
                    0 => return turned,
                    n => turned += n,
                }
            }
        };
        futures_util::future::join_all([night(), night(), night()]).await;
        let changes = health_change::Entity::find().all(db.conn()).await.expect("read");
        let days = changes.iter().filter(|c| c.kind == ChangeKind::Day).count();
        assert_eq!(days, usize::try_from(PEOPLE).expect("small"), "{}", database.name);
        assert_eq!(daily::turn_days(db, &rules, later).await.expect("turned").len(), 0);
    }
}

fn check(id: u128, token: u128, place: &str, at: Timestamp) -> code_check::Model {
    code_check::Model {
        id: Uuid::from_u128(id),
        person_id: Uuid::from_u128(1),
        token_id: Uuid::from_u128(token),
        staff_id: Uuid::from_u128(9),
        place: Some(place.to_owned()),
        purpose: "gate_check".to_owned(),
        colour: Colour::Green,
        allowed: true,
        tenths: None,
        at,
    }
}

#[tokio::test]
async fn an_earlier_showing_of_a_code_is_told_with_its_place() {
    for database in Database::all().await {
        let log = CheckLog::start(&database.db);
        assert_eq!(log.record(check(1, 7, "east", NOON)).await.expect("written"), None);
        let before = log.record(check(2, 7, "west", NOON + 1)).await.expect("written").expect("shown");
        assert_eq!((before.place.as_deref(), before.at), (Some("east"), NOON), "{}", database.name);
        assert_eq!(log.record(check(3, 8, "west", NOON + 1)).await.expect("written"), None);
        // Many at the same moment: all but one of each code were shown before, and all are written.
        let many = (0..200u128).map(|n| log.record(check(100 + n, 1_000 + n % 20, "gate", NOON + 2)));
        let told = futures_util::future::join_all(many).await;
        let fresh = told.into_iter().filter(|t| t.as_ref().expect("written").is_none()).count();
        assert!(fresh >= 20, "the first of each code is none's second");
        if !database.db.is_postgres() {
            assert_eq!(fresh, 20, "one writer sees all that came before");
        }
        let written = code_check::Entity::find().all(database.db.conn()).await.expect("read");
        assert_eq!(written.len(), 203, "{}", database.name);
    }
}
