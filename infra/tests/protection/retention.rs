//! The nightly job, with the clock moved: what is too old goes, what is younger stays.

use std::collections::BTreeMap;

use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_domain::protection::retention::{Rule, TABLE, kept, retention_markdown};
use mashang_domain::time::{DAY, HOUR, Timestamp};
use mashang_infra::clock::Clock;
use mashang_infra::nightly::nightly;
use mashang_infra::store::audit::{self, Act, Verdict};
use mashang_infra::store::retention::{PurgeCount, days, purge};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::bench::{Bench, on_both, settings};

const NOW: Timestamp = Timestamp::from_secs(1_600_000_000);
const OLD: u128 = 1;
const YOUNG: u128 = 2;

on_both!(
    every_table_has_its_row,
    what_is_older_goes_and_what_is_younger_stays,
    a_second_run_deletes_nothing,
    people_go_when_nothing_refers_to_them,
    the_log_is_cut_at_its_old_end,
    the_night_is_made_up_for_once
);

async fn every_table_has_its_row(bench: &Bench) {
    let ask = if bench.db.is_postgres() {
        "SELECT relname::text AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition \
         AND relnamespace = current_schema()::regnamespace"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    };
    let ask = Statement::from_string(bench.db.conn().get_database_backend(), ask);
    let rows = bench.db.conn().query_all_raw(ask).await.unwrap();
    let mut found: Vec<String> = rows.iter().map(|r| r.try_get("", "name").unwrap()).collect();
    let mut known: Vec<&str> = TABLE.iter().map(|k| k.table).collect();
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(found, known, "add new tables to the retention table of the rules");
}

/// Rows that just stay within their limit, and rows that are past it by more than one run of the job.
async fn fill(bench: &Bench, now: Timestamp) {
    let days = days(&settings().retention);
    for k in TABLE.iter().rev() {
        let limit = match k.rule {
            Rule::Outlives | Rule::Trimmed { .. } => continue,
            Rule::UntilTheEnd => 10_000,
            // As long as the person they belong to.
            Rule::Along { .. } => i64::from(days.scans),
            rule => i64::from(days.of(rule.period().unwrap())),
        };
        bench.insert(k.table, OLD, now - (limit + 1) * DAY - HOUR).await;
        bench.insert(k.table, YOUNG, now - limit * DAY + HOUR).await;
    }
}

fn deleted(counts: &[PurgeCount]) -> BTreeMap<&'static str, u64> {
    counts.iter().map(|c| (c.table, c.deleted)).collect()
}

async fn what_is_older_goes_and_what_is_younger_stays(bench: &Bench) {
    fill(bench, NOW).await;
    let counts = purge(&bench.db, &settings().retention, NOW).await.unwrap();
    for (table, n) in deleted(&counts) {
        let (gone, left) = match kept(table).unwrap().rule {
            Rule::Trimmed { .. } => (0, 1), // the run's own entry
            _ => (1, 1),
        };
        assert_eq!((n, bench.count(table).await), (gone, left), "{table}");
    }
    for k in TABLE.iter().filter(|k| matches!(k.rule, Rule::Along { .. })) {
        assert_eq!(bench.count(k.table).await, 1, "{} goes with its person", k.table);
    }
    for k in TABLE.iter().filter(|k| k.rule == Rule::UntilTheEnd) {
        assert_eq!(bench.count(k.table).await, 2, "{}", k.table);
    }
    // Move the clock past every limit: nothing that has one is left.
    purge(&bench.db, &settings().retention, NOW + 400 * DAY).await.unwrap();
    for (table, _) in deleted(&counts) {
        let left = if table == "audit" { 2 } else { 0 };
        assert_eq!(bench.count(table).await, left, "{table}");
    }
}

async fn a_second_run_deletes_nothing(bench: &Bench) {
    fill(bench, NOW).await;
    purge(&bench.db, &settings().retention, NOW).await.unwrap();
    let again = purge(&bench.db, &settings().retention, NOW).await.unwrap();
    assert!(again.iter().all(|c| c.deleted == 0), "{again:?}");
    let entries = audit::page(bench.db.conn(), None, 10).await.unwrap();
    assert_eq!(entries.len(), 2, "each run has its entry");
    assert_eq!(entries[1].detail["scan"], json!(1));
    assert_eq!(entries[1].purpose, "retention");
}

async fn people_go_when_nothing_refers_to_them(bench: &Bench) {
    let (old, limit) = (NOW - 100 * DAY, NOW - 10 * DAY);
    for n in 1..=7 {
        bench.insert("person", n, old).await;
        bench.insert("staff", n, old).await;
        bench.insert("venue", n, old).await;
    }
    bench.insert("scan", 1, limit).await;
    bench.insert("notice", 2, limit).await;
    bench.insert("infection_case", 3, limit).await;
    bench.insert("trace", 4, limit).await;
    bench.insert("trace_contact", 4, limit).await;
    bench.run(&format!("UPDATE venue SET manager_id = {0} WHERE id = {0}", bench.id(5))).await;
    bench.insert("session", 6, NOW + DAY).await;
    bench.run(&format!("UPDATE session SET staff_id = NULL, person_id = {}", bench.id(6))).await;
    bench.insert("person", 8, NOW - DAY).await;
    let counts = purge(&bench.db, &settings().retention, NOW).await.unwrap();
    assert_eq!(deleted(&counts)["person"], 1, "person 7 alone");
    assert_eq!(bench.number(&format!("SELECT count(*) FROM person WHERE id = {}", bench.id(7))).await, 0);
    assert_eq!(bench.count("person").await, 7);
}

async fn entry(bench: &Bench, at: Timestamp) {
    let tx = bench.db.begin_write().await.unwrap();
    let act = Act {
        actor: &Actor::System("test"),
        action: "test.act",
        purpose: Purpose::Administration,
        subject: None,
        object_kind: "test",
        object_id: at.to_string(),
        detail: json!({ "n": 1 }),
    };
    audit::append(&*tx, act, at).await.unwrap();
    tx.commit().await.unwrap();
}

async fn the_log_is_cut_at_its_old_end(bench: &Bench) {
    let limit = NOW - i64::from(settings().retention.audit_days) * DAY;
    // The fourth was written by a process whose clock was late: it is old, but stands behind a young one.
    for at in [limit - 2 * DAY, limit - DAY, limit, limit - DAY, limit + DAY] {
        entry(bench, at).await;
    }
    let counts = purge(&bench.db, &settings().retention, NOW).await.unwrap();
    assert_eq!(deleted(&counts)["audit"], 2);
    let verdict = audit::verify(bench.db.conn()).await.unwrap();
    assert!(matches!(verdict, Verdict::Intact { entries: 4, .. }), "{verdict:?}");
    // All of it is old: the chain goes on from the anchor.
    let later = NOW + 2_000 * DAY;
    let counts = purge(&bench.db, &settings().retention, later).await.unwrap();
    assert_eq!(deleted(&counts)["audit"], 4);
    let verdict = audit::verify(bench.db.conn()).await.unwrap();
    assert!(matches!(verdict, Verdict::Intact { entries: 1, .. }), "{verdict:?}");
    assert_eq!(audit::head(bench.db.conn()).await.unwrap().0, 7);
}

async fn the_night_is_made_up_for_once(bench: &Bench) {
    let (clock, hand) = Clock::manual(NOW);
    let retention = settings().retention;
    let run = async || nightly(&bench.db, &retention, &clock).await.unwrap().is_some();
    assert!(run().await, "what was missed is run at start");
    assert!(!run().await);
    hand.advance(DAY);
    let runs = futures_util::future::join_all((0..8).map(|_| run())).await;
    assert_eq!(runs.iter().filter(|ran| **ran).count(), 1, "one of many");
    // A runner died with its tick claimed: within the hour nobody takes over, after it one does.
    hand.advance(DAY);
    bench.run("UPDATE job_tick SET finished_at = NULL WHERE tick = (SELECT max(tick) FROM job_tick)").await;
    assert!(run().await);
    bench.run("UPDATE job_tick SET finished_at = NULL WHERE tick = (SELECT max(tick) FROM job_tick)").await;
    assert!(!run().await);
    hand.advance(HOUR);
    assert!(run().await);
    assert!(!run().await);
}

const BEGIN: &str = "<!-- retention table: begin -->\n";
const END: &str = "<!-- retention table: end -->";

/// Run with MASHANG_UPDATE_DOCS=1 to write the table.
#[test]
fn the_page_on_privacy_holds_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/privacy.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (found, tail) = rest.split_once(END).unwrap();
    let wanted = retention_markdown(&days(&settings().retention));
    if std::env::var_os("MASHANG_UPDATE_DOCS").is_some() {
        return std::fs::write(path, format!("{head}{BEGIN}{wanted}{END}{tail}")).unwrap();
    }
    assert_eq!(found, wanted, "run this test with MASHANG_UPDATE_DOCS=1");
}
