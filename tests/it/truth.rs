//! Right answers for traces that others have worked out, through the front door: a file of scans is imported by the command
//! line, each case is reported and traced over HTTP, and every field is compared.
//!
//! `MASHANG_TRUTH` names the folder of the answers, `MASHANG_CHECKINS` the larger file of scans. Neither is ours to carry.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use mashang_domain::time::Timestamp;
use mashang_tests::app::eventually;
use mashang_tests::{Client, Form, Staff, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

/// One answer of the file.
struct Truth(Value);

impl Truth {
    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap()
    }
}

/// A scan file with who is who in it.
struct Imported {
    /// Number of each person: the order of their first appearance, from 1.
    numbers: HashMap<String, u64>,
    /// Our ids to theirs.
    people: HashMap<String, String>,
    venues: HashMap<String, String>,
}

/// `154` and eight digits, a permutation of the person's number.
fn phone(number: u64) -> String {
    format!("154{:08}", (number * 48_271 + 11) % 100_000_000)
}

fn material(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(name).map(PathBuf::from);
    if found.is_none() {
        eprintln!("{name} is not set: no outside truth to compare with");
    }
    found
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}

fn numbers_of(text: &str) -> HashMap<String, u64> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let column = reader.headers().unwrap().iter().position(|h| h == "user_id").unwrap();
    let mut numbers = HashMap::new();
    for record in reader.records() {
        let next = numbers.len() as u64 + 1;
        numbers.entry(record.unwrap()[column].to_owned()).or_insert(next);
    }
    numbers
}

/// The second column of a map file to its first.
fn back(path: &Path) -> HashMap<String, String> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(Result::unwrap).map(|r| (r[1].to_owned(), r[0].to_owned())).collect()
}

async fn import(app: &TestApp, file: &Path) -> Imported {
    let text = read(file);
    let (plain, map) = (app.path("scans.csv"), app.path("map"));
    std::fs::write(&plain, &text).unwrap();
    let (plain, folder) = (plain.to_str().unwrap(), map.to_str().unwrap());
    let args = ["import", "visits", plain, "--format", "checkins", "--create-venues", "--map", folder];
    let output = app.command(&args).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Imported {
        numbers: numbers_of(&text),
        people: back(&map.join("people.csv")),
        venues: back(&map.join("venues.csv")),
    }
}

/// All pages of a list.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{path}?limit=500{after}")).await.ok(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

/// The contacts of a case, or none when nobody knows the person.
async fn trace(official: &Staff, truth: &Truth, number: u64) -> (Value, Vec<Value>) {
    let case = json!({
        "phone": phone(number), "reported_at": truth.text("window_end"), "positive_at": truth.text("window_end"),
        "window": { "start": truth.text("window_start"), "end": truth.text("window_end") },
    });
    let case = official.post("/cases", case).await;
    if [404, 422].contains(&case.status) {
        return (Value::Null, Vec::new());
    }
    let parameters = json!({
        "dwell_minutes": truth.0["dwell_minutes"], "after_minutes": truth.0["after_minutes"],
        "min_overlap_seconds": truth.0["min_overlap_seconds"], "include_suspect": true,
    });
    let body = json!({ "case_ids": [case.ok(201)["id"]], "parameters": parameters });
    let reply = official.post("/traces", body).await;
    assert!([201, 202].contains(&reply.status), "{}: {}", truth.text("case_id"), reply.text());
    let path = format!("/traces/{}", reply.json()["id"].as_str().unwrap());
    let done = async || {
        let trace = official.get(&path).await.ok(200);
        trace["sha256"].is_string().then_some(trace)
    };
    let trace = eventually("the trace is done", done).await;
    (trace, all(official, &format!("{path}/contacts")).await)
}

fn instant(value: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap().timestamp()
}

/// A contact of ours in the words of the truth.
fn told(contact: &Value, imported: &Imported) -> (String, Value) {
    let user = imported.people[contact["person_id"].as_str().unwrap()].clone();
    let meetings = contact["meetings"].as_array().unwrap();
    let of_kind = |kind: &str| meetings.iter().filter(|m| m["kind"] == kind).collect::<Vec<_>>();
    let (direct, after) = (of_kind("direct"), of_kind("after"));
    let begins = |m: &&Value| {
        let case = if m["kind"] == "direct" { &m["case_visit"]["in"] } else { &m["case_visit"]["out"] };
        instant(case).max(instant(&m["visit"]["in"]))
    };
    let first = meetings.iter().map(|m| begins(&m)).min().unwrap();
    let first = chrono::DateTime::from_timestamp(first, 0).unwrap();
    let venues: BTreeSet<&String> =
        meetings.iter().map(|m| &imported.venues[m["venue_id"].as_str().unwrap()]).collect();
    let told = json!({
        "user_id": user, "level": contact["level"], "meetings": meetings.len(), "direct_meetings": direct.len(),
        "after_meetings": after.len(), "venues": venues,
        "longest_direct_s": direct.iter().map(|m| m["seconds"].as_i64().unwrap()).max(),
        "min_after_gap_s": after.iter().map(|m| m["gap_seconds"].as_i64().unwrap()).min(),
        "first_meeting_at": first.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    });
    (user, told)
}

/// What is different, in words.
fn compare(truth: &Truth, trace: &Value, contacts: &[Value], imported: &Imported) -> Vec<String> {
    let ours: BTreeMap<String, Value> = contacts.iter().map(|c| told(c, imported)).collect();
    let theirs: BTreeMap<String, Value> = truth.0["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["user_id"].as_str().unwrap().to_owned(), c.clone()))
        .collect();
    let mut wrong = Vec::new();
    for user in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        if ours.get(user) != theirs.get(user) {
            wrong.push(format!("{user}: {:?}, not {:?}", ours.get(user), theirs.get(user)));
        }
    }
    if trace.is_null() {
        return wrong;
    }
    let counts = &trace["counts"];
    if trace["case_visits"] != truth.0["case_visits"] {
        wrong.push(format!("case visits: {}, not {}", trace["case_visits"], truth.0["case_visits"]));
    }
    for (ours, theirs) in [("people", "n_contacts"), ("by_level", "by_level"), ("meetings", "n_meetings")] {
        if counts[ours] != truth.0[theirs] {
            wrong.push(format!("{ours}: {}, not {}", counts[ours], truth.0[theirs]));
        }
    }
    wrong
}

async fn answers_are_right(form: Form, answers: &str, scans: Option<PathBuf>) {
    let (Some(folder), Some(scans)) = (material("MASHANG_TRUTH"), scans) else { return };
    let Some(app) = TestApp::with(form, &[("retention.scans_days", "180")]).await else { return };
    let truths: Vec<Truth> =
        read(&folder.join(answers)).lines().map(|l| Truth(serde_json::from_str(l).unwrap())).collect();
    // Back to the days of the file, so that nothing in it is old.
    let last = truths.iter().map(|t| instant(&t.0["window_end"])).max().unwrap();
    app.clock.advance(Timestamp::from_secs(last + 86_400) - app.now()).await;
    let imported = import(&app, &scans).await;
    let official = app.official("").await;
    let mut wrong = Vec::new();
    for truth in &truths {
        let nobody = imported.numbers.len() as u64 + 1;
        let number = imported.numbers.get(truth.text("index_user")).copied().unwrap_or(nobody);
        let (trace, contacts) = trace(&official, truth, number).await;
        let found = compare(truth, &trace, &contacts, &imported);
        if let Some(first) = found.first() {
            wrong.push(format!("{} ({} differences): {first}", truth.text("case_id"), found.len()));
        }
    }
    eprintln!("{answers}: {} of {} cases are right", truths.len() - wrong.len(), truths.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn traces_of_scans_in_and_out_are_right(#[case] form: Form) {
    let scans = material("MASHANG_TRUTH").map(|folder| folder.join("scans_inout_visible.csv"));
    answers_are_right(form, "truth_inout_visible.jsonl", scans).await;
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn traces_of_real_check_ins_are_right(#[case] form: Form) {
    answers_are_right(form, "truth_visible.jsonl", material("MASHANG_CHECKINS")).await;
}
