//! Venues, zones, codes and head counts, on both databases.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "protection/bench.rs"]
#[expect(dead_code, reason = "the protection tests use all of it")]
mod bench;
mod support;

use std::collections::HashSet;

use bench::{Bench, on_both};
use mashang_domain::person::{Division, Phone};
use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{MINUTE, Timestamp};
use mashang_domain::venue::code::NUMBERS;
use mashang_domain::venue::{
    Address, Category, Direction, DivisionCode, ExternalRef, VenueName, VenueState, ZoneName,
};
use mashang_infra::keys::KeyRing;
use mashang_infra::store::occupancy::{Occupancy, occupancy};
use mashang_infra::store::venue::{self, Decided, NewVenue, VenueChange, Which};
use mashang_infra::store::venue_code::{self, Door};
use mashang_infra::store::zone;
use uuid::Uuid;

const NOON: Timestamp = Timestamp(1_581_480_000_000);

on_both!(
    codes_come_in_pairs_and_are_replaced_in_pairs,
    a_reference_is_given_once,
    lists_stay_inside_their_bounds,
    a_change_touches_what_it_names,
    whoever_left_is_not_counted,
);

/// The key ring of this bench, made on first use.
fn keys(bench: &Bench) -> KeyRing {
    KeyRing::open(&bench.dir.path().join("keys.toml"), true).unwrap()
}

fn new(reference: Option<&str>, division: &str) -> NewVenue {
    NewVenue {
        id: Uuid::now_v7(),
        external_ref: reference.map(|r| ExternalRef::parse(r).unwrap()),
        name: VenueName::parse("翠湖超市").unwrap(),
        category: Category::Supermarket,
        division_code: DivisionCode::parse(division).unwrap(),
        address: Address::parse("翠湖南路1号").unwrap(),
        contact: Some(Phone::parse("13800138000").unwrap()),
        position: Some((25.04, 102.71)),
        indoor: None,
        state: VenueState::Pending,
        manager_id: None,
        decided_by: None,
    }
}

async fn insert(bench: &Bench, venues: Vec<NewVenue>) -> HashSet<Uuid> {
    let tx = bench.db.begin_write().await.unwrap();
    let written = venue::insert(&*tx, &keys(bench), venues, NOON).await.unwrap();
    tx.commit().await.unwrap();
    written
}

async fn codes_come_in_pairs_and_are_replaced_in_pairs(bench: &Bench) {
    let venue = new(Some("r1"), "530102");
    let id = venue.id;
    insert(bench, vec![venue]).await;
    let own = Door { venue_id: id, zone_id: None };
    let tx = bench.db.begin_write().await.unwrap();
    let issued = venue_code::issue(&*tx, &[(own, 1)], NOON).await.unwrap();
    let gate = zone::insert(&*tx, id, &ZoneName::parse("东门").unwrap(), NOON).await.unwrap().unwrap();
    assert_eq!(zone::insert(&*tx, id, &ZoneName::parse("东门").unwrap(), NOON).await.unwrap(), None);
    let door = Door { venue_id: id, zone_id: Some(gate.id) };
    venue_code::issue(&*tx, &[(door, 1)], NOON).await.unwrap();
    tx.commit().await.unwrap();
    assert!(issued.iter().all(|c| (0..NUMBERS).contains(&c.number)));
    assert_eq!(issued.iter().map(|c| c.direction).collect::<Vec<_>>(), Direction::ALL);

    let conn = bench.db.conn();
    let live = venue_code::live(conn, &[id]).await.unwrap();
    let told: Vec<_> = live.iter().map(|c| (c.zone_name.as_deref(), c.direction, c.version)).collect();
    let (into, out) = (Direction::In, Direction::Out);
    assert_eq!(told, [(None, into, 1), (None, out, 1), (Some("东门"), into, 1), (Some("东门"), out, 1)]);
    let place = venue_code::place(conn, live[3].number).await.unwrap().unwrap();
    assert_eq!((place.venue_id, place.zone_id, place.direction), (id, Some(gate.id), out));
    assert_eq!((place.venue_name.as_str(), place.zone_name.as_deref()), ("翠湖超市", Some("东门")));
    assert_eq!((place.external_ref.as_deref(), place.state), (Some("r1"), VenueState::Pending));
    assert_eq!(venue_code::place(conn, NUMBERS).await.unwrap(), None);

    let tx = bench.db.begin_write().await.unwrap();
    let (revoked, issued) = venue_code::rotate(&*tx, &[door], NOON + MINUTE).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(HashSet::from_iter(revoked), HashSet::from([live[2].number, live[3].number]));
    assert!(issued.iter().all(|c| c.version == 2 && c.zone_id == Some(gate.id)));
    let old = venue_code::place(conn, live[3].number).await.unwrap().unwrap();
    assert_eq!(old.revoked_at, Some(NOON + MINUTE));
    let now: Vec<_> = venue_code::live(conn, &[id]).await.unwrap().iter().map(|c| c.version).collect();
    assert_eq!(now, [1, 1, 2, 2]);
    assert_eq!(venue_code::revoked(conn, id, 1).await.unwrap().len(), 1);
    assert_eq!(venue_code::live_numbers(conn, id).await.unwrap().len(), 4);
}

async fn a_reference_is_given_once(bench: &Bench) {
    let many: Vec<NewVenue> = (0..2_500).map(|n| new(Some(&format!("r{n}")), "530102")).collect();
    assert_eq!(insert(bench, many).await.len(), 2_500);
    let again = vec![
        new(Some("r7"), "530102"),
        new(Some("x"), "530102"),
        new(Some("x"), "530103"),
        new(None, "530102"),
    ];
    let expected = HashSet::from([again[1].id, again[3].id]);
    assert_eq!(insert(bench, again).await, expected);
    let found = venue::by_external_ref(bench.db.conn(), "x").await.unwrap().unwrap();
    assert_eq!(found.division_code, "530102");
}

async fn lists_stay_inside_their_bounds(bench: &Bench) {
    let divisions = ["530102", "530102001", "530103", "530200", "330102"];
    let venues: Vec<NewVenue> = divisions.iter().map(|d| new(None, d)).collect();
    insert(bench, venues).await;
    let ask = async |scope: &str, division: &str, state| {
        let of = |code| Division::parse_scope(code).unwrap();
        let which = Which { scope: of(scope), division: of(division), state, manager_id: None };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = venue::page(bench.db.conn(), &which, after, 2).await.unwrap();
            let Some(last) = page.last() else { return found };
            after = Some(last.id);
            found.extend(page.into_iter().map(|v| v.division_code));
        }
    };
    assert_eq!(ask("", "", None).await, divisions);
    assert_eq!(ask("530100", "", None).await, divisions[..3]);
    assert_eq!(ask("530100", "530102", None).await, divisions[..2]);
    assert_eq!(ask("530100", "330102", None).await, Vec::<String>::new());
    assert_eq!(ask("", "530000", Some(VenueState::Approved)).await, Vec::<String>::new());
}

async fn a_change_touches_what_it_names(bench: &Bench) {
    let form = new(None, "530102");
    let (id, keys, by) = (form.id, keys(bench), Uuid::now_v7());
    insert(bench, vec![form]).await;
    let tx = bench.db.begin_write().await.unwrap();
    let held = venue::hold(&*tx, id).await.unwrap().unwrap();
    let change = VenueChange {
        contact: Some(Phone::parse("13900139000").unwrap()),
        position: Some(None),
        ..VenueChange::default()
    };
    let changed = venue::update(&*tx, &keys, held, change, NOON + 1).await.unwrap();
    let decided = Decided { state: VenueState::Approved, by, reason: None };
    venue::decide(&*tx, changed, decided, NOON + 2).await.unwrap();
    tx.commit().await.unwrap();
    let now = venue::by_id(bench.db.conn(), id).await.unwrap().unwrap();
    let contact = venue::contact_of(&keys, &now, Purpose::VenueCare).unwrap().unwrap();
    assert_eq!((contact.reveal(), now.lat, now.lon), ("+8613900139000", None, None));
    assert_eq!((now.name.as_str(), now.state, now.decided_by), ("翠湖超市", VenueState::Approved, Some(by)));
    assert_eq!((now.created_at, now.updated_at), (NOON, NOON + 2));
}

async fn whoever_left_is_not_counted(bench: &Bench) {
    if bench.db.is_postgres() {
        bench.run("CREATE TABLE scan_all PARTITION OF scan DEFAULT").await;
    }
    let (here, there) = (Uuid::now_v7(), Uuid::now_v7());
    let scan = async |person: u128, venue: Uuid, direction: &str, minute: i64, companions: i64| {
        let hex = |id: Uuid| match bench.db.is_postgres() {
            true => format!("'{id}'"),
            false => format!("x'{}'", id.simple()),
        };
        let (id, person, venue) = (hex(Uuid::now_v7()), hex(Uuid::from_u128(person)), hex(venue));
        let at = (NOON + minute * MINUTE).millis();
        bench
            .run(&format!(
                "INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, companions, source) \
                 VALUES ({id}, {person}, {venue}, '{direction}', {at}, {at}, {companions}, 'app')"
            ))
            .await;
    };
    let count = async |minute: i64| {
        occupancy(bench.db.conn(), here, NOON + minute * MINUTE, 45 * MINUTE).await.unwrap()
    };
    assert_eq!(count(0).await, Occupancy::default());
    scan(1, here, "in", 0, 2).await;
    scan(2, here, "in", 1, 0).await;
    scan(3, here, "in", 2, 0).await;
    assert_eq!(count(2).await, Occupancy { people: 3, companions: 2 });
    scan(2, here, "out", 10, 0).await;
    scan(3, there, "in", 11, 0).await;
    scan(1, there, "out", 12, 0).await;
    assert_eq!(count(12).await, Occupancy { people: 1, companions: 2 });
    scan(2, here, "in", 20, 0).await;
    assert_eq!(count(20).await, Occupancy { people: 2, companions: 2 });
    assert_eq!(count(45).await, Occupancy { people: 1, companions: 0 });
}
