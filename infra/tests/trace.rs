//! The SQL of a trace against plain loops, on thousands of small worlds that are made of edges.

mod trace_support;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use mashang_domain::time::{DAY, MINUTE, SECOND, Timestamp};
use mashang_domain::trace::oracle::{Person, trace};
use mashang_domain::trace::{CaseRef, CaseVisit, Parameters, Span, contacts};
use mashang_domain::venue::{Category, Direction, ScanPoint, repeats, visits};
use mashang_infra::store;
use sea_orm::DbBackend;
use trace_support::{Chance, Row, TestDb, load, run, say};
use uuid::Uuid;

const BASE: &str = "2020-02-12T15:40:00Z";

/// A few people at a few venues; the case visits and parameters to ask with.
struct World {
    people: Vec<Person>,
    rows: Vec<Row>,
    case_visits: Vec<CaseVisit>,
    params: Parameters,
}

struct Venue {
    id: Uuid,
    reference: Arc<str>,
    zones: Vec<Option<Uuid>>,
}

fn base() -> Timestamp {
    Timestamp::parse(BASE).expect("parses")
}

impl World {
    fn new(chance: &mut Chance) -> World {
        let venues: Vec<Venue> = (0..1 + chance.below(3)).map(|_| venue(chance)).collect();
        let flags_by_rule = chance.one_in(2);
        let (mut people, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..2 + chance.below(4) {
            let id = chance.id();
            let scans: Vec<ScanPoint> = (0..chance.below(9)).map(|_| scan(chance, &venues)).collect();
            // Whatever swallowed a scan, it does not exist for the trace.
            let flags = if flags_by_rule {
                repeats(&scans)
            } else {
                scans.iter().map(|_| chance.one_in(8)).collect()
            };
            let recorded = scans.iter().zip(&flags).filter(|(_, repeat)| !**repeat).map(|(s, _)| s.clone());
            people.push(Person { id, scans: recorded.collect() });
            let row = |(scan, repeat)| Row { person_id: id, scan, repeat };
            rows.extend(scans.into_iter().zip(flags).map(row));
        }
        let case_visits = case_visits(chance, &people, &venues);
        let params = Parameters {
            min_overlap_seconds: chance.pick(&[1, 60, 60, 300, 900]),
            long_direct_seconds: chance.pick(&[120, 900]),
            near_gap_seconds: chance.pick(&[60, 1800]),
            ..Parameters::default()
        };
        World { people, rows, case_visits, params }
    }
}

fn venue(chance: &mut Chance) -> Venue {
    let id = chance.id();
    let reference = match chance.below(3) {
        0 => id.to_string(),
        1 => format!("V-{}", chance.next()),
        _ => format!("超市-{}", chance.next()),
    };
    let zones = [vec![None], vec![None, Some(chance.id()), Some(chance.id())]];
    Venue { id, reference: reference.into(), zones: chance.pick(&zones) }
}

/// Scans stand on few seconds, so that they collide, touch, and miss each other by one.
fn scan(chance: &mut Chance, venues: &[Venue]) -> ScanPoint {
    let venue = &venues[chance.below(venues.len() as u64) as usize];
    ScanPoint {
        id: chance.id(),
        venue_id: venue.id,
        zone_id: chance.pick(&venue.zones),
        venue_ref: venue.reference.clone(),
        direction: chance.pick(&[Direction::In, Direction::In, Direction::Out]),
        at: base() + moment(chance),
        suspect: chance.one_in(8),
    }
}

fn moment(chance: &mut Chance) -> i64 {
    let day = chance.pick(&[0, 0, 0, 0, 0, DAY, 2 * DAY]);
    day + chance.below(20) * chance.pick(&[MINUTE, 10 * MINUTE]) + chance.pick(&[0, 0, 0, SECOND, -SECOND])
}

fn case_visits(chance: &mut Chance, people: &[Person], venues: &[Venue]) -> Vec<CaseVisit> {
    let mut all = Vec::new();
    for n in 0..1 + chance.below(3) as u32 {
        // An infectious window may start at any millisecond.
        let start = base() + moment(chance) + chance.pick(&[0, 0, 500]);
        let end = start + 1 + chance.below(3) * chance.pick(&[MINUTE, 30 * MINUTE, DAY]);
        let (dwell_ms, after_ms) =
            (dwell(chance), chance.pick(&[0, MINUTE, 30 * MINUTE, 6 * 60 * MINUTE, DAY]));
        let mut template = CaseVisit {
            case: if chance.one_in(3) { CaseRef::Span(n) } else { CaseRef::Case(chance.id()) },
            person_id: None,
            visit_id: None,
            venue_id: venues[0].id,
            zone_id: None,
            start,
            end,
            dwell_ms,
            after_ms,
            indoor: chance.one_in(2),
            suspect: chance.one_in(8),
        };
        if chance.one_in(4) {
            let venue = &venues[chance.below(venues.len() as u64) as usize];
            (template.venue_id, template.zone_id) = (venue.id, chance.pick(&venue.zones));
            all.push(template);
            continue;
        }
        let index = &people[chance.below(people.len() as u64) as usize];
        for visit in visits(&index.scans, |_| dwell_ms) {
            let cut = Span { start: visit.start, end: visit.end }.cut(&Span { start, end });
            let whole = chance.one_in(2);
            let (start, end) = if whole { (visit.start, visit.end) } else { (cut.start, cut.end) };
            if start < end {
                all.push(CaseVisit {
                    person_id: (!chance.one_in(6)).then_some(index.id),
                    visit_id: Some(visit.scan_id),
                    venue_id: visit.venue_id,
                    zone_id: visit.zone_id,
                    start,
                    end,
                    ..template.clone()
                });
            }
        }
    }
    all
}

fn dwell(chance: &mut Chance) -> i64 {
    chance.pick(&[MINUTE, 2 * MINUTE, 15 * MINUTE, 60 * MINUTE, 240 * MINUTE, DAY + 60 * MINUTE])
}

async fn filled(db: &TestDb, worlds: &[World]) {
    db.create_tables(base() - DAY, base() + 4 * DAY).await;
    let rows: Vec<Row> = worlds.iter().flat_map(|w| &w.rows).map(Row::clone).collect();
    load(&db.db, &rows).await;
}

#[tokio::test]
async fn sql_finds_what_plain_loops_find() {
    let count = std::env::var("MASHANG_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let mut chance = Chance(20_200_212);
    let worlds: Vec<World> = (0..count).map(|_| World::new(&mut chance)).collect();
    for db in TestDb::all().await {
        filled(&db, &worlds).await;
        let started = Instant::now();
        let (mut met, mut kinds) = (0, HashMap::new());
        for (n, world) in worlds.iter().enumerate() {
            // A plan made for the values, and, for most, the one plan a server keeps for all values.
            if n == 200 && db.db.get_database_backend() == DbBackend::Postgres {
                run(&db.db, "set plan_cache_mode = force_generic_plan").await;
            }
            let rows =
                store::trace::meetings(&db.db, &world.case_visits, &world.params).await.expect("traces");
            for row in &rows {
                *kinds.entry((row.meeting.kind, row.meeting.out_source)).or_insert(0) += 1;
            }
            for include_suspect in [true, false] {
                let params = Parameters { include_suspect, ..world.params.clone() };
                let expected = trace(&world.people, &world.case_visits, &params);
                let found = contacts(rows.clone(), &params);
                assert_eq!(found, expected, "{} world {n}: {:#?}", db.name, world.case_visits);
                met += found.meetings();
            }
        }
        say(&format!("{}: {count} worlds, {met} meetings, {kinds:?}, {:?}", db.name, started.elapsed()));
        assert_eq!(kinds.len(), 6, "every kind of meeting with every end of a visit: {kinds:?}");
        db.close().await;
    }
}

#[tokio::test]
async fn own_visits_are_those_of_the_rules() {
    let mut chance = Chance(7);
    let worlds: Vec<World> = (0..300).map(|_| World::new(&mut chance)).collect();
    for db in TestDb::all().await {
        filled(&db, &worlds).await;
        let mut seen = 0;
        for person in worlds.iter().flat_map(|w| &w.people) {
            let start = base() + moment(&mut chance);
            let window = Span { start, end: start + 1 + chance.below(3) * 60 * MINUTE };
            let dwell_ms = dwell(&mut chance);
            let mut expected = visits(&person.scans, |_| dwell_ms);
            expected.retain(|v| v.start < v.end && v.start < window.end && v.end > window.start);
            let own = store::visits::own_visits(&db.db, person.id, window, |category| match category {
                Category::Restaurant => dwell_ms,
                _ => 1,
            });
            let own = own.await.expect("reads");
            seen += own.len();
            assert!(own.iter().all(|v| v.category == Category::Restaurant));
            assert_eq!(own.into_iter().map(|v| v.visit).collect::<Vec<_>>(), expected, "{}", db.name);
        }
        assert!(seen > 300, "{seen}");
        db.close().await;
    }
}

#[tokio::test]
async fn no_case_visits_meet_nobody() {
    let db = TestDb::sqlite().await;
    let rows = store::trace::meetings(&db.db, &[], &Parameters::default()).await;
    assert_eq!(rows.expect("asks nothing"), []);
}
