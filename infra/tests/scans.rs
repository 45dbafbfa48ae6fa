//! Recording scans on both databases: idempotency, the two-minute rule in any order, races, overload, shutdown.

mod database;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use database::{Chance, Database, say};
use futures_util::future::join_all;
use mashang_domain::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};
use mashang_domain::venue::plausibility::{Coordinates, Sighting, verdicts};
use mashang_domain::venue::{Direction, ScanPoint, ScanSource, SuspectReason};
use mashang_entity::scan;
use mashang_infra::clock::Clock;
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::store::occupancy::{Occupancy, occupancy};
use mashang_infra::store::partition;
use mashang_infra::store::scan::erase_person_scans;
use mashang_infra::store::scan_history::scans_of_person;
use mashang_infra::store::scan_writer::{
    NewScan, Outcome, RecordError, Recorded, ScanWriter, plausibility_rules,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement};
use uuid::Uuid;

fn base() -> Timestamp {
    Timestamp::parse("2020-02-12T04:00:00Z").expect("parses")
}

fn new_scan(person: Uuid, venue: u128, direction: Direction, at: i64, key: &str) -> NewScan {
    let venue_id = Uuid::from_u128(venue);
    NewScan {
        person_id: person,
        venue_id,
        zone_id: None,
        direction,
        client_scan_id: key.to_owned(),
        at: base() + at * SECOND,
        client_at: None,
        companions: 0,
        venue_ref: venue_id.to_string().into(),
        place: None,
        venue_open: true,
        source: ScanSource::App,
    }
}

fn scan_in(person: Uuid, at: i64, key: &str) -> NewScan {
    new_scan(person, 1, Direction::In, at, key)
}

fn writer(database: &Database, life: &Lifecycle) -> ScanWriter {
    ScanWriter::start(database.db.clone(), &database.settings.scans, Clock::fixed(base() + DAY), life)
}

async fn rows(database: &Database, person: Uuid) -> Vec<scan::Model> {
    let of_person = scan::Entity::find().filter(scan::Column::PersonId.eq(person));
    let mut rows = of_person.all(database.db.conn()).await.expect("rows");
    rows.sort_by_key(|r| (r.at, r.venue_id, r.zone_id, r.direction, r.repeat));
    rows
}

async fn ok(writer: &ScanWriter, scan: NewScan) -> Recorded {
    writer.record(scan).await.expect("recorded")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_can_be_read_by_everybody() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        for n in 0..20 {
            let person = Uuid::now_v7();
            let answer = ok(&writer, scan_in(person, 0, "k")).await;
            let found: Vec<Uuid> = rows(&database, person).await.iter().map(|row| row.id).collect();
            assert_eq!(found, [answer.scan_id], "scan {n}");
        }
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_id_gets_the_same_answer() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
        let first = ok(&writer, scan_in(a, 0, "k")).await;
        assert_eq!(first.outcome, Outcome::New);
        let again = ok(&writer, scan_in(a, 500, "k")).await;
        assert_eq!(again, Recorded { outcome: Outcome::SameKey, ..first.clone() }, "whatever else it says");
        assert_ne!(ok(&writer, scan_in(b, 0, "k")).await.scan_id, first.scan_id, "another person's id");
        assert_eq!(rows(&database, a).await.len(), 1);

        let together = writer.record_all(vec![scan_in(a, 1000, "x"), scan_in(a, 1000, "x")]).await;
        let outcomes: Vec<Outcome> = together.iter().map(|r| r.as_ref().expect("recorded").outcome).collect();
        assert_eq!(outcomes, [Outcome::New, Outcome::SameKey]);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_scan_within_two_minutes_is_answered_like_the_first() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let person = Uuid::now_v7();
        let first = ok(&writer, scan_in(person, 0, "a")).await;
        let second = ok(&writer, scan_in(person, 119, "b")).await;
        assert_eq!(second, Recorded { outcome: Outcome::Repeat, ..first.clone() });
        let retried = ok(&writer, scan_in(person, 119, "b")).await;
        assert_eq!(retried, Recorded { outcome: Outcome::SameKey, ..first.clone() });
        let third = ok(&writer, scan_in(person, 120, "c")).await;
        assert_eq!((third.outcome, third.at), (Outcome::New, base() + 120 * SECOND));
        let other = new_scan(person, 1, Direction::Out, 121, "d");
        assert_eq!(ok(&writer, other).await.outcome, Outcome::New, "another direction");
        let zone = NewScan { zone_id: Some(Uuid::from_u128(9)), ..scan_in(person, 122, "e") };
        assert_eq!(ok(&writer, zone).await.outcome, Outcome::New, "another place");
        let seen = scans_of_person(database.db.conn(), person, None, 10).await.expect("history");
        assert_eq!(seen.iter().map(|s| s.at - base()).collect::<Vec<_>>(), [122_000, 121_000, 120_000, 0]);
        database.close().await;
    }
}

/// A person's scans at two venues with zones, minutes apart, so that chains and doubts overlap.
fn world(chance: &mut Chance, person: Uuid) -> Vec<NewScan> {
    let place = |v: u128| Some(Coordinates { lat: 25.0 + v as f64, lon: 102.0 });
    (0..4 + chance.below(10))
        .map(|i| {
            let venue = 1 + u128::from(chance.below(2));
            let direction = if chance.below(3) == 0 { Direction::Out } else { Direction::In };
            let at = i64::try_from(chance.below(60) * 13).expect("small");
            NewScan {
                zone_id: (chance.below(4) == 0).then(|| Uuid::from_u128(7)),
                place: if chance.below(5) == 0 { None } else { place(venue) },
                venue_open: chance.below(12) != 0,
                ..new_scan(person, venue, direction, at, &i.to_string())
            }
        })
        .collect()
}

type Told = (Timestamp, Uuid, Option<Uuid>, Direction, bool, Option<String>);

/// What the rules alone say of these scans, ids in the order given.
fn expected(scans: &[NewScan], database: &Database) -> Vec<Told> {
    let sighting = |(i, s): (usize, &NewScan)| Sighting {
        point: ScanPoint {
            id: Uuid::from_u128(i as u128),
            venue_id: s.venue_id,
            zone_id: s.zone_id,
            venue_ref: Arc::clone(&s.venue_ref),
            direction: s.direction,
            at: s.at,
            suspect: false,
        },
        place: s.place,
        venue_open: s.venue_open,
    };
    let sightings: Vec<Sighting> = scans.iter().enumerate().map(sighting).collect();
    let found = verdicts(&sightings, &plausibility_rules(&database.settings.scans));
    let told = |(s, v): (&NewScan, &mashang_domain::venue::plausibility::Verdict)| {
        let reason = v.suspect.map(|r| r.as_str().to_owned());
        (s.at, s.venue_id, s.zone_id, s.direction, v.repeat, reason)
    };
    let mut all: Vec<Told> = scans.iter().zip(&found).map(told).collect();
    all.sort();
    all
}

/// The venues of [`world`] with their places, so that neighbours are judged as new scans are.
async fn make_venues(database: &Database) {
    for v in 1..=2_u128 {
        let id = Uuid::from_u128(v).simple().to_string();
        let id = if database.db.is_postgres() { format!("'{id}'") } else { format!("x'{id}'") };
        let at = base().millis();
        database
            .run(&format!(
                "INSERT INTO venue (id, name, category, division_code, address, key_version, lat, lon, state, created_at, \
                 updated_at) VALUES ({id}, 'v', 'other', '530102', '', 1, {}, 102.0, 'approved', {at}, {at})",
                25.0 + v as f64
            ))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_arrival_changes_nothing() {
    const WORLDS: u64 = 400;
    for database in Database::all().await {
        make_venues(&database).await;
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let mut chance = Chance(7);
        let mut worlds = Vec::new();
        for _ in 0..WORLDS {
            let person = Uuid::now_v7();
            // Places and openness are the venue's in the database: the same for all scans of a venue, and a row is equal.
            let mut scans = world(&mut chance, person);
            for scan in &mut scans {
                scan.place = Some(Coordinates { lat: 25.0 + scan.venue_id.as_u128() as f64, lon: 102.0 });
            }
            worlds.push((person, scans));
        }
        let arrive = |(person, scans): &(Uuid, Vec<NewScan>), seed: u64| {
            let (mut scans, writer, person) = (scans.clone(), writer.clone(), *person);
            async move {
                Chance(seed).shuffle(&mut scans);
                for scan in scans {
                    if seed.is_multiple_of(3) {
                        // Some upload several at once.
                        writer.record_all(vec![scan]).await.remove(0).expect("recorded");
                    } else {
                        writer.record(scan).await.expect("recorded");
                    }
                }
                person
            }
        };
        join_all(worlds.iter().enumerate().map(|(i, w)| arrive(w, i as u64))).await;
        for (person, scans) in &worlds {
            let there = rows(&database, *person).await;
            let mut told: Vec<Told> = there
                .into_iter()
                .map(|r| (r.at, r.venue_id, r.zone_id, r.direction, r.repeat, r.suspect_reason))
                .collect();
            told.sort();
            // Of equal scans any one may be the recorded one, open or closed.
            let wanted = expected(scans, &database);
            assert_eq!(told.len(), wanted.len());
            if !ambiguous(scans) {
                assert_eq!(told, wanted, "{}: {scans:#?}", database.name);
            }
        }
        say(&format!("{}: {WORLDS} worlds agree", database.name));
        database.close().await;
    }
}

/// Whether two scans are equal but for what was known of the venue.
fn ambiguous(scans: &[NewScan]) -> bool {
    let mut seen = HashMap::new();
    scans.iter().any(|s| {
        let open = seen.entry((s.at, s.venue_id, s.zone_id, s.direction)).or_insert(s.venue_open);
        *open != s.venue_open
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_upload_of_many_sees_itself() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let person = Uuid::now_v7();
        let scans = (0..100).map(|i| scan_in(person, (99 - i) * 50, &i.to_string())).collect();
        let answers = writer.record_all(scans).await;
        assert!(answers.iter().all(Result::is_ok));
        let recorded = rows(&database, person).await.iter().filter(|r| !r.repeat).count();
        assert_eq!(recorded, 34, "every third of a chain 50 s apart");
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_racing_record_each_scan_once() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let (one, other) = (writer(&database, &life), {
            let db = if database.db.is_postgres() { database.again().await } else { database.db.clone() };
            ScanWriter::start(db, &database.settings.scans, Clock::fixed(base() + DAY), &life)
        });
        let people: Vec<Uuid> = (0..60).map(|_| Uuid::now_v7()).collect();
        let race = |writer: ScanWriter, person: Uuid, key: String| async move {
            ok(&writer, scan_in(person, 0, &key)).await
        };
        // The same key on both sides, and two more keys of the same second.
        let runs = people.iter().flat_map(|p| {
            [(&one, "same"), (&other, "same"), (&one, "left"), (&other, "right")]
                .map(|(w, key)| race(w.clone(), *p, key.to_owned()))
        });
        let answers = join_all(runs).await;
        for (person, four) in people.iter().zip(answers.chunks(4)) {
            assert!(four.iter().all(|a| a.scan_id == four[0].scan_id), "{}: {four:#?}", database.name);
            assert_eq!(four.iter().filter(|a| a.outcome == Outcome::New).count(), 1);
            let there = rows(&database, *person).await;
            assert_eq!(there.iter().filter(|r| !r.repeat).count(), 1);
            assert_eq!(there.len(), 3, "a swallowed row for each further key");
        }
        assert_eq!(database.number("SELECT count(*) FROM scan_key").await, 180);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_at_once() {
    for mut database in Database::all().await {
        database.settings.scans.queue_max = 2;
        database.settings.scans.group_max = 1;
        database.settings.scans.writers = 1;
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let person = Uuid::now_v7();
        // Somebody else writes.
        let busy = database.db.begin_write().await.expect("begins");
        if database.db.is_postgres() {
            busy.execute_unprepared("LOCK TABLE scan_key").await.expect("locks");
        }
        let mut waiting = Vec::new();
        for i in 0..3 {
            let (writer, scan) = (writer.clone(), scan_in(person, i * 200, &i.to_string()));
            waiting.push(tokio::spawn(async move { writer.record(scan).await }));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let refused = writer.record(scan_in(person, 900, "late")).await;
        assert!(matches!(refused, Err(RecordError::Overloaded)), "{refused:?}");
        busy.rollback().await.expect("ends");
        for one in join_all(waiting).await {
            assert!(one.expect("runs").is_ok());
        }
        assert_eq!(ok(&writer, scan_in(person, 900, "late")).await.outcome, Outcome::New);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_written_although_its_client_has_gone() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let person = Uuid::now_v7();
        let busy = database.db.begin_write().await.expect("begins");
        let gone = tokio::time::timeout(Duration::from_millis(1), writer.record(scan_in(person, 0, "k")));
        drop(gone.await);
        busy.rollback().await.expect("ends");
        writer.close();
        life.wait(Duration::from_secs(10)).await;
        assert_eq!(rows(&database, person).await.len(), 1);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_what_is_held_and_takes_no_more() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let people: Vec<Uuid> = (0..300).map(|_| Uuid::now_v7()).collect();
        let mut held: Vec<_> = people.iter().map(|p| Box::pin(writer.record(scan_in(*p, 0, "k")))).collect();
        for one in &mut held {
            assert!(futures_util::poll!(one).is_pending());
        }
        writer.close();
        assert!(join_all(held).await.iter().all(Result::is_ok));
        tokio::time::timeout(Duration::from_secs(10), life.wait(Duration::from_secs(5))).await.expect("ends");
        assert!(matches!(writer.record(scan_in(people[0], 0, "x")).await, Err(RecordError::Stopping)));
        assert_eq!(database.number("SELECT count(*) FROM scan").await, 300);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_answers_with_an_error() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let person = Uuid::now_v7();
        database.run("ALTER TABLE scan_key RENAME TO away").await;
        let failed = writer.record(scan_in(person, 0, "k")).await;
        assert!(matches!(failed, Err(RecordError::Failed(_))), "{failed:?}");
        assert!(rows(&database, person).await.is_empty());
        database.run("ALTER TABLE away RENAME TO scan_key").await;
        assert_eq!(ok(&writer, scan_in(person, 0, "k")).await.outcome, Outcome::New);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_made_when_the_clock_jumps() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let (clock, hand) = Clock::manual(base());
        let writer = ScanWriter::start(database.db.clone(), &database.settings.scans, clock, &life);
        let person = Uuid::now_v7();
        ok(&writer, scan_in(person, 0, "a")).await;
        hand.advance(40 * DAY);
        ok(&writer, scan_in(person, 40 * DAY / SECOND, "b")).await;
        assert_eq!(rows(&database, person).await.len(), 2);
        database.close().await;
    }
}

/// The planner takes a table that nobody has analysed for a few pages, and would read them from end to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_statistics_is_read_by_index() {
    const READ: &str = "SELECT coalesce(sum(seq_tup_read), 0)::int8 FROM pg_stat_user_tables \
                        WHERE relname LIKE 'scan_p%' OR relname = 'scan_key'";
    const LOOKED_UP: &str =
        "SELECT coalesce(sum(idx_scan), 0)::int8 FROM pg_stat_user_tables WHERE relname LIKE 'scan_p%'";
    let Some(database) = Database::all().await.into_iter().find(|d| d.db.is_postgres()) else { return };
    let life = Lifecycle::new();
    let writer = writer(&database, &life);
    let people: Vec<Uuid> = (0..500).map(|_| Uuid::now_v7()).collect();
    for round in 0..20 {
        let scans = people.iter().map(|p| scan_in(*p, round * 200, &format!("k{round}"))).collect();
        assert!(writer.record_all(scans).await.iter().all(Result::is_ok));
    }
    // Once more the first ones, whose keys are looked up.
    let again = people.iter().map(|p| scan_in(*p, 0, "k0")).collect();
    assert!(writer.record_all(again).await.iter().all(Result::is_ok));
    // A session tells what it has read when it ends.
    let other = database.again().await;
    drop(writer);
    database.db.unbounded().clone().close().await.expect("closes");
    let number = async |sql: &str| {
        let row = other.conn().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        row.expect("asked").expect("a row").try_get_by_index::<i64>(0).expect("a number")
    };
    assert!(number(LOOKED_UP).await >= 20, "everybody's day was looked up, a group at a time");
    assert_eq!(number(READ).await, 0, "rows read from end to end");
    other.unbounded().clone().close().await.expect("closes");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_made_once() {
    for database in Database::all().await {
        let other = database.again().await;
        let (from, to) = (base() - 20 * DAY, base() + 7 * DAY);
        let both = tokio::join!(
            partition::ensure_days(&database.db, from, to),
            partition::ensure_days(&other, from, to)
        );
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        partition::ensure_days(&database.db, from, to).await.expect("again");
        if database.db.is_postgres() {
            let days = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'scan'::regclass";
            assert_eq!(database.number(days).await, 28);
        }
        other.unbounded().close().await.expect("closes");
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn implausible_scans_are_recorded_and_marked() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let person = Uuid::now_v7();
        ok(&writer, scan_in(person, 0, "a")).await;
        let second = ok(&writer, new_scan(person, 2, Direction::In, 9, "b")).await;
        assert_eq!(second.suspect, Some(SuspectReason::TwoVenues));
        let closed = NewScan { venue_open: false, ..new_scan(person, 3, Direction::In, 600, "c") };
        assert_eq!(ok(&writer, closed).await.suspect, Some(SuspectReason::VenueClosed));
        for i in 0..20 {
            let scan = new_scan(person, 4, Direction::In, 1200 + i * 120, &format!("n{i}"));
            let suspect = ok(&writer, scan).await.suspect;
            assert_eq!(suspect, (i >= 17).then_some(SuspectReason::TooMany), "{i}");
        }
        // An older scan that comes later moves the doubt: the 20th of the day is now the 21st.
        ok(&writer, new_scan(person, 5, Direction::In, -600, "late")).await;
        let suspects = rows(&database, person).await.iter().filter(|r| r.suspect).count();
        assert_eq!(suspects, 2 + 4);
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_now_and_who_is_forgotten() {
    for database in Database::all().await {
        let life = Lifecycle::new();
        let writer = writer(&database, &life);
        let people: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
        let minutes = |m: i64| m * 60;
        for (i, (venue, direction, at)) in [
            (1, Direction::In, minutes(0)),
            (1, Direction::In, minutes(0)),
            (1, Direction::In, minutes(0)),
            (1, Direction::In, minutes(-46)),
            (1, Direction::In, minutes(5)),
        ]
        .into_iter()
        .enumerate()
        {
            let scan = NewScan { companions: 2, ..new_scan(people[i], venue, direction, at, "in") };
            ok(&writer, scan).await;
        }
        ok(&writer, new_scan(people[1], 1, Direction::Out, minutes(10), "out")).await;
        ok(&writer, new_scan(people[2], 2, Direction::In, minutes(10), "next")).await;
        let there = |at| {
            let db = database.db.clone();
            async move {
                let now = base() + at * MINUTE;
                occupancy(db.conn(), Uuid::from_u128(1), now, 45 * MINUTE).await.expect("counts")
            }
        };
        assert_eq!(there(4).await, Occupancy { people: 3, companions: 6 });
        assert_eq!(there(9).await, Occupancy { people: 4, companions: 8 });
        assert_eq!(there(10).await, Occupancy { people: 2, companions: 4 });
        assert_eq!(there(45).await, Occupancy { people: 1, companions: 2 });
        assert_eq!(there(300).await, Occupancy::default());

        let tx = database.db.begin_write().await.expect("begins");
        assert_eq!(erase_person_scans(&*tx, people[1]).await.expect("erased"), 2);
        tx.commit().await.expect("commits");
        assert!(rows(&database, people[1]).await.is_empty());
        assert_eq!(database.number("SELECT count(*) FROM scan_key").await, 5);
        let again = ok(&writer, new_scan(people[1], 1, Direction::In, 3 * HOUR / SECOND, "in")).await;
        assert_eq!(again.outcome, Outcome::New);
        database.close().await;
    }
}
