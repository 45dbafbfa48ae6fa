//! The report of an alert to print and to file: who decided, who was warned, what came of it. It names no citizen.

use std::collections::{BTreeMap, HashMap};

use mashang_domain::alert::AlertState;
use mashang_domain::delivery::DeliveryState;
use mashang_domain::time::Timestamp;
use mashang_entity::alert;
use mashang_infra::store::delivery::{self as deliveries, Tally};
use mashang_infra::store::{audit, staff};
use serde_json::json;
use uuid::Uuid;

use super::report_words as w;
use super::view::{View, view};
use super::{act, find};
use crate::app::case::Office;
use crate::app::venue::not_drawn;
use crate::error::{Answer, Problem};
use crate::render::{Document, Language, Part, Said, Section, Table, print};
use crate::state::App;

/// Reasons that are listed; the rest stands in the table for a spreadsheet.
const REASONS: usize = 30;

/// The report as a PDF.
pub async fn pdf(app: &App, office: &Office, id: Uuid, language: Language) -> Answer<Vec<u8>> {
    let alert = find(app, office, id).await?;
    let tx = app.db.begin_write().await?;
    audit::append(&*tx, act(office, "alert.report", id, json!({ "format": "pdf" })), app.clock.now()).await?;
    tx.commit().await?;
    let facts = Facts {
        names: staff::usernames(app.db.conn(), deciders(&alert)).await?,
        tally: deliveries::tally(app.db.conn(), id).await?,
        view: view(app, alert).await?,
        now: app.clock.now(),
        language,
    };
    let document = facts.document(&app.settings.operation.name);
    let fonts = app.fonts.clone();
    let drawn = tokio::task::spawn_blocking(move || print(&document, &fonts)).await;
    drawn.map_err(Problem::internal)?.map_err(not_drawn)
}

fn deciders(alert: &alert::Model) -> Vec<Uuid> {
    let all = [Some(alert.created_by), alert.submitted_by, alert.first_approver, alert.decided_by];
    all.into_iter().flatten().collect()
}

struct Facts {
    names: HashMap<Uuid, String>,
    tally: Vec<Tally>,
    view: View,
    now: Timestamp,
    language: Language,
}

impl Facts {
    fn document(&self, issuer: &str) -> Document {
        let alert = &self.view.alert;
        let mut sections = vec![
            self.section(w::ALERT, vec![Part::Facts(self.alert())]),
            self.section(w::DECISIONS, vec![Part::Facts(self.decisions())]),
            self.section(w::PEOPLE, vec![Part::Facts(self.people())]),
            self.section(w::MESSAGES, self.messages()),
        ];
        if let Some(reasons) = self.reasons() {
            sections.push(self.section(w::REASONS, vec![Part::Table(reasons)]));
        }
        sections.push(self.section(w::TEXTS, vec![Part::Table(self.texts())]));
        Document {
            title: self.say(w::title(alert.kind)),
            issuer: issuer.to_owned(),
            stamp: alert.drill.then(|| self.say(w::DRILL)),
            sections,
            footer: format!("{} · {}", self.say(w::FOOTER), alert.id),
            printed_on: self.now.shanghai_day(),
        }
    }

    fn say(&self, said: Said) -> String {
        said.inline(self.language)
    }

    fn section(&self, heading: Said, parts: Vec<Part>) -> Section {
        Section { heading: self.say(heading), parts }
    }

    fn alert(&self) -> Vec<(String, String)> {
        let a = &self.view.alert;
        let urgency = if a.urgent { w::URGENT } else { w::NOT_URGENT };
        let mut facts = vec![
            (self.say(w::NUMBER), a.id.to_string()),
            (self.say(w::STATE), self.say(w::alert_state(a.state))),
            (self.say(w::DIVISION), a.division_code.clone()),
            (self.say(w::URGENCY), self.say(urgency)),
            (self.say(w::TRACE), a.trace_id.to_string()),
            (self.say(w::HASH), a.trace_sha256.clone()),
            (self.say(w::MADE), time(self.now)),
        ];
        if let Some(wrong) = a.corrects {
            facts.insert(1, (self.say(w::CORRECTS), wrong.to_string()));
        }
        facts
    }

    /// Who did what, and when.
    fn decisions(&self) -> Vec<(String, String)> {
        let a = &self.view.alert;
        let decided = match a.state {
            AlertState::Rejected => w::REJECTED,
            AlertState::Approved | AlertState::Sending | AlertState::Done => w::APPROVED,
            AlertState::Draft | AlertState::Submitted | AlertState::Cancelled => w::DECIDED,
        };
        let steps = [
            (w::DRAFTED, Some(self.by(Some(a.created_by), Some(a.created_at)))),
            (w::SUBMITTED, a.submitted_at.map(|at| self.by(a.submitted_by, Some(at)))),
            (w::FIRST_APPROVAL, a.first_approver.map(|who| self.by(Some(who), None))),
            (decided, a.decided_at.map(|at| self.by(a.decided_by, Some(at)))),
            (w::REASON, a.reason.clone()),
            (w::CANCELLED, a.cancelled_at.map(time)),
            (w::DONE, a.done_at.map(time)),
        ];
        steps.into_iter().filter_map(|(asked, said)| Some((self.say(asked), said?))).collect()
    }

    fn by(&self, who: Option<Uuid>, at: Option<Timestamp>) -> String {
        let name = who.and_then(|id| self.names.get(&id).cloned());
        [name, at.map(time)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn people(&self) -> Vec<(String, String)> {
        let v = &self.view;
        let (one, two, three) = (v.people.one, v.people.two, v.people.three);
        let total = one + two + three;
        let level = |n: u8| format!("{} {n}", self.say(w::LEVEL));
        let by_level = [(3, three), (2, two), (1, one)].map(|(n, count)| format!("{}: {count}", level(n)));
        vec![
            (self.say(w::CONTACTS), format!("{total} ({})", by_level.join(", "))),
            (self.say(w::MERGED), v.merged.to_string()),
            (self.say(w::ACKNOWLEDGED), v.acknowledged.to_string()),
            (self.say(w::CALL_BACK), v.call_back.to_string()),
        ]
    }

    fn messages(&self) -> Vec<Part> {
        if self.tally.is_empty() {
            return vec![Part::Text(self.say(w::NOTHING_SENT))];
        }
        let mut counts: BTreeMap<(&str, DeliveryState), (Said, i64)> = BTreeMap::new();
        for t in &self.tally {
            let entry = counts.entry((t.channel.as_str(), t.state)).or_insert((w::channel(t.channel), 0));
            entry.1 += t.count;
        }
        let row = |((_, state), (channel, count)): (&(&str, DeliveryState), &(Said, i64))| {
            vec![self.say(*channel), self.say(w::delivery_state(*state)), count.to_string()]
        };
        let table = Table {
            head: [w::CHANNEL, w::STATE, w::COUNT].map(|s| self.say(s)).to_vec(),
            rows: counts.iter().map(row).collect(),
            shares: vec![2.0, 4.0, 1.5],
        };
        let seconds = |s: Option<f64>| s.map_or_else(|| "—".to_owned(), |s| format!("{s:.1} s"));
        let times = vec![
            (self.say(w::LAST_ACCEPTED), seconds(self.view.seconds_to_last_accepted)),
            (self.say(w::LAST_RECEIPT), seconds(self.view.seconds_to_last_receipt)),
            (self.say(w::DUPLICATES), self.view.possible_duplicates.to_string()),
        ];
        vec![Part::Table(table), Part::Facts(times)]
    }

    fn reasons(&self) -> Option<Table> {
        let bad = |t: &&Tally| {
            matches!(t.state, DeliveryState::Undelivered | DeliveryState::Failed) && t.code.is_some()
        };
        let row = |t: &Tally| {
            let code = t.code.clone().unwrap_or_default();
            vec![
                self.say(w::channel(t.channel)),
                code,
                self.say(w::delivery_state(t.state)),
                t.count.to_string(),
            ]
        };
        let mut found: Vec<&Tally> = self.tally.iter().filter(bad).collect();
        found.sort_by_key(|t| std::cmp::Reverse(t.count));
        let rows: Vec<_> = found.into_iter().take(REASONS).map(row).collect();
        let head = [w::CHANNEL, w::CODE, w::STATE, w::COUNT].map(|s| self.say(s)).to_vec();
        (!rows.is_empty()).then_some(Table { head, rows, shares: vec![2.0, 4.0, 3.0, 1.5] })
    }

    fn texts(&self) -> Table {
        let row = |(level, text): (&String, &String)| {
            let segments = self.view.segments.get(level).map(ToString::to_string).unwrap_or_default();
            vec![level.clone(), segments, text.clone()]
        };
        Table {
            head: [w::LEVEL, w::SEGMENTS, w::TEXT].map(|s| self.say(s)).to_vec(),
            rows: self.view.preview.iter().map(row).collect(),
            shares: vec![1.3, 1.8, 8.0],
        }
    }
}

/// Local time: this is read in China.
fn time(at: Timestamp) -> String {
    format!("{} (UTC+8)", at.shanghai_text())
}
