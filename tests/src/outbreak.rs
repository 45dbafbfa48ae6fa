//! Somebody was ill at a venue, and others were there with them: the quick way to an alert that wants a decision.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::persona::{Staff, Venue};

const MINUTE: i64 = 60_000;

/// A trace of one case with its contacts, and the people of its division.
pub struct Outbreak {
    pub venue: Venue,
    pub ill: String,
    pub exposed: Vec<String>,
    pub official: Staff,
    pub approver: Staff,
    pub case: Value,
    pub trace: Value,
}

impl TestApp {
    /// Stays of people who never signed in, as a file tells of them: phone, first and last minute before now.
    pub async fn import_stays(&self, official: &Staff, venue: &str, stays: &[(String, i64, i64)]) -> Value {
        let mut csv = "phone,venue_ref,direction,scanned_at\n".to_owned();
        for (phone, from, to) in stays {
            let (from, to) = (self.clock.rfc3339(-from * MINUTE), self.clock.rfc3339(-to * MINUTE));
            csv.push_str(&format!("{phone},{venue},in,{from}\n{phone},{venue},out,{to}\n"));
        }
        let body = Some(("text/csv", csv.into_bytes()));
        let report = official.send_raw(Method::POST, "/imports/visits", body).await;
        let text = report.text();
        serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or(Value::Null)
    }

    /// So many people stayed twenty minutes with somebody who is a case now; traced by an official of Kunming.
    pub async fn outbreak(&self, exposed: usize) -> Outbreak {
        let venue = self.venue("翠湖宾馆", "restaurant").await;
        let ill = self.fresh_phone();
        let exposed: Vec<String> = (0..exposed).map(|_| self.fresh_phone()).collect();
        let mut stays = vec![(ill.clone(), 90, 60)];
        stays.extend(exposed.iter().map(|phone| (phone.clone(), 85, 65)));
        let (official, approver) = (self.official("530100").await, self.approver("530100").await);
        let summary = self.import_stays(&official, &venue.id, &stays).await;
        assert_eq!(summary["recorded"], stays.len() * 2, "{summary}");
        let case = json!({ "phone": ill, "reported_at": self.clock.rfc3339(0), "onset_at": self.clock.rfc3339(-60 * MINUTE) });
        let case = official.post("/cases", case).await.ok(201);
        let trace = official.post("/traces", json!({ "case_ids": [case["id"]] })).await.ok(201);
        assert_eq!(trace["counts"]["people"], exposed.len(), "{trace}");
        Outbreak { venue, ill, exposed, official, approver, case, trace }
    }
}

impl Outbreak {
    /// `/alerts/{id}` of an alert that waits for its approval.
    pub async fn submitted(&self) -> String {
        let body = json!({ "trace_id": self.trace["id"], "urgent": true });
        let draft = self.official.post("/alerts", body).await.ok(201);
        let alert = format!("/alerts/{}", draft["id"].as_str().unwrap_or_default());
        self.official.post(&format!("{alert}/submission"), json!({})).await.ok(200);
        alert
    }

    /// What an approver sends.
    pub fn approval(&self) -> Value {
        json!({ "trace_sha256": self.trace["sha256"] })
    }

    /// `/cases/{id}` or `/traces/{id}`.
    pub fn path(&self, kind: &str) -> String {
        let id = if kind == "cases" { &self.case["id"] } else { &self.trace["id"] };
        format!("/{kind}/{}", id.as_str().unwrap_or_default())
    }
}
