//! Traces over real check-ins against answers that two other programs agreed on.
//!
//! `MASHANG_TRUTH` names a folder with `truth_visible.jsonl`, `truth_inout_visible.jsonl` and `scans_inout_visible.csv`,
//! `MASHANG_CHECKINS` the check-ins (CSV or CSV.gz) that the first file is about. With `MASHANG_CHECKINS_1M` the larger
//! `truth_boot1m.jsonl` runs as well. Every field of every case is compared, on every database there is.

mod trace_support;

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mashang_domain::time::{MINUTE, SECOND, Timestamp};
use mashang_domain::trace::{
    CaseRef, CaseVisit, Contact, MeetingKind, Parameters, Span, TraceResult, VenueRules, case_visits,
};
use mashang_domain::venue::{ScanPoint, repeats};
use mashang_infra::store;
use serde_json::{Value, json};
use trace_support::{Row, TestDb, load, say};
use uuid::Uuid;

/// The source's ids of people and venues, and ours.
#[derive(Default)]
struct Names {
    ids: HashMap<String, Uuid>,
    names: HashMap<Uuid, String>,
}

impl Names {
    /// Ids in no order that has to do with the source's.
    fn id(&mut self, kind: &str, name: &str) -> Uuid {
        let next = self.ids.len() as u128 + 1;
        let id = Uuid::from_u128(next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let id = *self.ids.entry(format!("{kind} {name}")).or_insert(id);
        self.names.entry(id).or_insert_with(|| name.to_owned());
        id
    }

    fn person(&self, name: &str) -> Option<Uuid> {
        self.ids.get(&format!("person {name}")).copied()
    }
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("unpacks");
    } else {
        text = String::from_utf8(bytes).expect("is text");
    }
    text
}

/// The scans of a file as rows, those marked that the two-minute rule swallows.
fn scans(path: &Path, names: &mut Names) -> Vec<Row> {
    let text = read(path);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("has a header").clone();
    let column = |name: &str| header.iter().position(|h| h == name);
    let (venue, user, at) = (column("venue_id"), column("user_id"), column("checked_in_at"));
    let direction = column("direction");
    let mut people: HashMap<Uuid, Vec<ScanPoint>> = HashMap::new();
    for (n, record) in reader.records().enumerate() {
        let record = record.expect("is a row");
        let field = |column: Option<usize>| column.and_then(|c| record.get(c)).unwrap_or_default();
        let direction = Some(field(direction)).filter(|word| !word.is_empty()).unwrap_or("in");
        people.entry(names.id("person", field(user))).or_default().push(ScanPoint {
            id: Uuid::from_u128(n as u128 + 1),
            venue_id: names.id("venue", field(venue)),
            zone_id: None,
            venue_ref: field(venue).into(),
            direction: direction.parse().expect("in or out"),
            at: Timestamp::parse(field(at)).expect("is a time"),
            suspect: false,
        });
    }
    let rows = people.into_iter().flat_map(|(person_id, scans)| {
        let flags = repeats(&scans);
        scans.into_iter().zip(flags).map(move |(scan, repeat)| Row { person_id, scan, repeat })
    });
    rows.collect()
}

/// What a case asks: the person's own visits, cut to the window, and the parameters.
async fn ask(db: &TestDb, case: &Value, names: &Names) -> (Vec<CaseVisit>, TraceResult) {
    let number = |field: &str| case[field].as_i64().unwrap_or_else(|| panic!("{field}"));
    let time = |field: &str| case[field].as_str().and_then(Timestamp::parse).expect("is a time");
    let params = Parameters {
        dwell_minutes: Some(number("dwell_minutes")),
        after_minutes: Some(number("after_minutes")),
        min_overlap_seconds: number("min_overlap_seconds"),
        include_suspect: true,
        ..Parameters::default()
    };
    let window = Span { start: time("window_start"), end: time("window_end") };
    let Some(person) = names.person(case["index_user"].as_str().expect("is text")) else {
        return (Vec::new(), TraceResult::default());
    };
    let dwell_ms = number("dwell_minutes") * MINUTE;
    let own = store::visits::own_visits(&db.db, person, window, |_| dwell_ms).await.expect("reads");
    let own: Vec<_> = own.into_iter().map(|own| own.visit).collect();
    let rules = VenueRules { dwell_ms: 0, after_ms: 0, indoor: true };
    let asked = case_visits(CaseRef::Case(Uuid::nil()), Some(person), &own, window, |_| rules, &params);
    let found = store::trace::trace(&db.db, &asked, &params).await.expect("traces");
    (asked, found)
}

/// The answer in the form of the truth file.
fn answer(asked: &[CaseVisit], found: &TraceResult, names: &Names) -> Value {
    let mut contacts: Vec<Value> = found.contacts.iter().map(|c| contact(c, names)).collect();
    contacts.sort_by_key(|c| c["user_id"].as_str().map(str::to_owned));
    json!({
        "case_visits": asked.len(),
        "n_contacts": found.contacts.len(),
        "by_level": {"1": found.count(1), "2": found.count(2), "3": found.count(3)},
        "n_meetings": found.meetings(),
        "contacts": contacts,
    })
}

fn contact(contact: &Contact, names: &Names) -> Value {
    let of = |kind| contact.meetings.iter().filter(move |m| m.kind == kind);
    let venues: BTreeSet<&str> = contact.meetings.iter().map(|m| names.names[&m.venue_id].as_str()).collect();
    json!({
        "user_id": names.names[&contact.person_id],
        "level": contact.level,
        "meetings": contact.meetings.len(),
        "direct_meetings": of(MeetingKind::Direct).count(),
        "after_meetings": of(MeetingKind::After).count(),
        "longest_direct_s": of(MeetingKind::Direct).map(|m| m.millis / SECOND).max(),
        "min_after_gap_s": of(MeetingKind::After).map(|m| m.millis / SECOND).min(),
        "first_meeting_at": contact.meetings.iter().map(|m| m.at()).min().map(|at| at.to_string()),
        "venues": venues,
    })
}

async fn check(truth: &Path, data: &Path) {
    let cases: Vec<Value> =
        read(truth).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut names = Names::default();
    let rows = scans(data, &mut names);
    let times = || rows.iter().map(|row| row.scan.at);
    let (first, last) = (times().min().expect("scans"), times().max().expect("scans"));
    for db in TestDb::all().await {
        let started = Instant::now();
        db.create_tables(first, last).await;
        load(&db.db, &rows).await;
        let loaded = started.elapsed();
        let (mut contacts, mut slowest, started) = (0, 0, Instant::now());
        for case in &cases {
            let started = Instant::now();
            let (asked, found) = ask(&db, case, &names).await;
            slowest = slowest.max(started.elapsed().as_millis());
            let answer = answer(&asked, &found, &names);
            for (field, value) in answer.as_object().expect("is an object") {
                assert_eq!(value, &case[field], "{} {} {field}", db.name, case["case_id"]);
            }
            contacts += found.contacts.len();
        }
        say(&format!(
            "{}: {} cases of {} equal, {contacts} contacts; {} rows loaded in {loaded:?}, traced in {:?}, slowest {slowest} ms",
            db.name,
            cases.len(),
            truth.display(),
            rows.len(),
            started.elapsed(),
        ));
        db.close().await;
    }
}

/// The folder of the truth files, or a word on why nothing is checked.
fn path(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        say(&format!("skipped: {variable} is not set"));
    }
    path
}

#[tokio::test]
async fn check_ins_without_out_scans() {
    if let (Some(truth), Some(data)) = (path("MASHANG_TRUTH"), path("MASHANG_CHECKINS")) {
        check(&truth.join("truth_visible.jsonl"), &data).await;
    }
}

#[tokio::test]
async fn scans_in_and_out() {
    if let Some(truth) = path("MASHANG_TRUTH") {
        check(&truth.join("truth_inout_visible.jsonl"), &truth.join("scans_inout_visible.csv")).await;
    }
}

#[tokio::test]
async fn a_million_check_ins() {
    if let (Some(truth), Some(data)) = (path("MASHANG_TRUTH"), path("MASHANG_CHECKINS_1M")) {
        check(&truth.join("truth_boot1m.jsonl"), &data).await;
    }
}
