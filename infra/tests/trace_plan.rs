//! The plan of a trace on PostgreSQL: indexes only, and no partition that cannot matter.

mod trace_support;

use mashang_domain::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};
use mashang_domain::trace::{CaseRef, CaseVisit, Parameters};
use mashang_domain::venue::Direction;
use mashang_infra::store;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::Value;
use trace_support::{Chance, Row, TestDb, load};
use uuid::Uuid;

const DAYS: i64 = 28;
const ROWS: usize = 200_000;

fn first_day() -> Timestamp {
    Timestamp::parse("2020-02-12T00:00:00+08:00").expect("parses")
}

fn rows(chance: &mut Chance) -> Vec<Row> {
    let row = |n| {
        let venue_id = Uuid::from_u128(1 + chance.below(400) as u128);
        Row {
            person_id: Uuid::from_u128(1_000_000 + chance.below(20_000) as u128),
            scan: mashang_domain::venue::ScanPoint {
                id: Uuid::from_u128(2_000_000 + n as u128),
                venue_id,
                zone_id: None,
                venue_ref: venue_id.to_string().into(),
                direction: chance.pick(&[Direction::In, Direction::In, Direction::Out]),
                at: first_day() + chance.below((DAYS * DAY / SECOND) as u64) * SECOND,
                suspect: false,
            },
            repeat: false,
        }
    };
    (0..ROWS).map(row).collect()
}

/// Forty visits on days 10 and 11 of the operation, counted from 0; the last after-window ends on day 11.
fn case_visits(chance: &mut Chance) -> Vec<CaseVisit> {
    let visit = |_| {
        let start = first_day() + 10 * DAY + 2 * MINUTE + chance.below(46 * 60) * MINUTE;
        CaseVisit {
            case: CaseRef::Case(Uuid::nil()),
            person_id: Some(Uuid::from_u128(1_000_000)),
            visit_id: None,
            venue_id: Uuid::from_u128(1 + chance.below(400) as u128),
            zone_id: None,
            start,
            end: start + 45 * MINUTE,
            dwell_ms: HOUR,
            after_ms: 30 * MINUTE,
            indoor: true,
            suspect: false,
        }
    };
    (0..40).map(visit).collect()
}

/// Every node of a plan that reads a partition of `scan`.
fn reads<'a>(plan: &'a Value, found: &mut Vec<&'a Value>) {
    if plan["Relation Name"].as_str().is_some_and(|name| name.starts_with("scan_")) {
        found.push(plan);
    }
    for part in plan["Plans"].as_array().into_iter().flatten() {
        reads(part, found);
    }
}

fn text<'a>(node: &'a Value, field: &str) -> &'a str {
    node[field].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_trace_reads_by_index_in_the_partitions_that_matter() {
    let Some(db) = TestDb::postgres().await else { return };
    let mut chance = Chance(11);
    db.create_tables(first_day(), first_day() + DAYS * DAY - 1).await;
    load(&db.db, &rows(&mut chance)).await;
    let visits = case_visits(&mut chance);
    let mut statement =
        store::trace::statement(DbBackend::Postgres, &visits, &Parameters::default()).expect("builds");
    statement.sql = format!("explain (analyze, format json) {}", statement.sql);
    let row = db.db.query_one_raw(statement).await.expect("explains").expect("a row");
    let plan: Value = row.try_get_by_index(0).expect("is JSON");
    let mut nodes = Vec::new();
    reads(&plan[0]["Plan"], &mut nodes);

    let kinds = ["Index Scan", "Index Only Scan", "Bitmap Heap Scan"];
    for node in &nodes {
        assert!(kinds.contains(&text(node, "Node Type")), "{} {}", node["Node Type"], node["Relation Name"]);
    }
    // From the day before the first case visit on; nobody who came earlier can still be there.
    let day = |n: i64| format!("scan_{}", (first_day() + n * DAY).shanghai_day().format("%Y%m%d"));
    let names = || nodes.iter().map(|node| text(node, "Relation Name"));
    assert!(names().all(|name| name >= day(9).as_str()), "{:?}", names().min());
    // Candidates are looked for in the days around the case visits, and in no other.
    let candidates = nodes.iter().filter(|node| {
        let condition = format!("{}{}", text(node, "Index Cond"), text(node, "Recheck Cond"));
        condition.contains("venue_id") && text(node, "Filter").contains("'in'")
    });
    let days: Vec<&str> = candidates.map(|node| text(node, "Relation Name")).collect();
    let expected: Vec<String> = (9..=11).map(day).collect();
    assert_eq!(days, expected.iter().map(String::as_str).collect::<Vec<_>>());

    let found = store::trace::trace(&db.db, &visits, &Parameters::default()).await.expect("traces");
    assert!(found.contacts.len() > 20, "{}", found.contacts.len());
    db.close().await;
}
