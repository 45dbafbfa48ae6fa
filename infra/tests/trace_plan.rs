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

/// A node of the plan, and the part of the statement it stands in.
struct Node<'a> {
    part: &'a str,
    node: &'a Value,
}

impl<'a> Node<'a> {
    fn text(&self, field: &str) -> &'a str {
        self.node[field].as_str().unwrap_or_default()
    }

    fn reads_scans(&self) -> bool {
        self.text("Relation Name").starts_with("scan_")
    }
}

fn walk<'a>(plan: &'a Value, part: &'a str, found: &mut Vec<Node<'a>>) {
    let part = plan["Subplan Name"].as_str().unwrap_or(part);
    found.push(Node { part, node: plan });
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        walk(inner, part, found);
    }
}

/// The partitions a part of the statement reads, in their order.
fn partitions<'a>(nodes: &[Node<'a>], part: &str) -> Vec<&'a str> {
    let of_part = nodes.iter().filter(|n| n.part == part && n.reads_scans());
    of_part.map(|n| n.text("Relation Name")).collect()
}

fn days(days: std::ops::Range<i64>) -> Vec<String> {
    days.map(|n| format!("scan_{}", (first_day() + n * DAY).shanghai_day().format("%Y%m%d"))).collect()
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
    walk(&plan[0]["Plan"], "", &mut nodes);

    // Scans are read by index; what a venue's passes want of them is in the index.
    for node in nodes.iter().filter(|n| n.reads_scans()) {
        let wanted: &[&str] = match node.part {
            "CTE asked" | "CTE leaving" => &["Index Only Scan"],
            _ => &["Index Scan", "Index Only Scan"],
        };
        assert!(wanted.contains(&node.text("Node Type")), "{} in {}", node.text("Node Type"), node.part);
    }
    // Sets are joined by hashes. Loops are there to go through case visits, venues and days.
    for node in &nodes {
        assert_ne!(node.text("Node Type"), "Merge Join", "{}", node.part);
        if node.text("Node Type") == "Nested Loop" {
            assert!(["CTE asked", "CTE leaving", "CTE came"].contains(&node.part), "{}", node.part);
        }
    }
    // From the day before the first case visit on: nobody who came earlier can still be there. Candidates and what they
    // did next are looked for in the days around the case visits; those who left later, to the end.
    assert_eq!(partitions(&nodes, "CTE asked"), days(9..12));
    assert_eq!(partitions(&nodes, "CTE came"), days(9..13));
    assert_eq!(partitions(&nodes, "CTE leaving"), days(9..DAYS));

    let found = store::trace::trace(&db.db, &visits, &Parameters::default()).await.expect("traces");
    assert!(found.contacts.len() > 20, "{}", found.contacts.len());
    db.close().await;
}
