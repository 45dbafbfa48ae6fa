//! Alarms, their pages and the metrics they look at belong together: each rule has a page, each page a rule, and both name
//! only what a running service shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mashang_tests::app::eventually;
use mashang_tests::{Form, TestApp};
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use rstest::rstest;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    #[serde(default, rename = "for")]
    lasting: Option<String>,
    annotations: BTreeMap<String, String>,
}

fn docs(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(path)
}

fn rules() -> Vec<Rule> {
    let text = std::fs::read_to_string(docs("deploy/alerts.yaml")).unwrap();
    let rules: Rules = serde_saphyr::from_str(&text).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// Name and text of every page.
fn pages() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(docs("playbooks")).unwrap().map(|file| file.unwrap().path());
    let page = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    files.map(page).filter(|(name, _)| name != "README.md").collect()
}

/// What rules select: names with their labels.
#[derive(Default)]
struct Selected(Vec<VectorSelector>);

impl ExprVisitor for Selected {
    type Error = ();

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
        match expr {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(range) => self.0.push(range.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

fn selected(rule: &Rule) -> Vec<VectorSelector> {
    let expr = parse(&rule.expr).unwrap_or_else(|e| panic!("{}: {e}", rule.alert));
    let mut selected = Selected::default();
    walk_expr(&mut selected, &expr).unwrap();
    assert!(!selected.0.is_empty(), "{} looks at nothing", rule.alert);
    selected.0
}

#[test]
fn every_alarm_has_a_page_and_every_page_an_alarm() {
    let (rules, pages) = (rules(), pages());
    let index = std::fs::read_to_string(docs("playbooks/README.md")).unwrap();
    let mut led_to = BTreeSet::new();
    for rule in &rules {
        let page = &rule.annotations["playbook"];
        let text = pages.get(page).unwrap_or_else(|| panic!("{}: no page {page}", rule.alert));
        let names = selected(rule).into_iter().filter_map(|s| s.name).filter(|name| name != "up");
        for name in names {
            assert!(text.contains(&name), "{}: {page} does not say {name}", rule.alert);
        }
        if let Some(lasting) = &rule.lasting {
            assert!(lasting.ends_with(['s', 'm', 'h']), "{}: for {lasting}", rule.alert);
        }
        led_to.insert(page.clone());
    }
    assert_eq!(
        rules.iter().map(|r| &r.alert).collect::<BTreeSet<_>>().len(),
        rules.len(),
        "names are used once"
    );
    assert_eq!(led_to, pages.keys().cloned().collect(), "a page without an alarm");
    for page in pages.keys() {
        assert_eq!(index.matches(&format!("({page})")).count(), 1, "{page} stands once in the list");
    }
}

/// Every metric of a running service with the names of its labels.
fn metrics(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest.strip_prefix('{').and_then(|r| r.split_once('}')).map_or("", |(labels, _)| labels);
        let names = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        all.entry(name.to_owned()).or_default().extend(names);
    }
    all
}

/// The words of a text that look like a metric.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("mashang_")).map(str::to_owned).collect()
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn every_metric_of_an_alarm_is_one_that_a_running_service_shows(#[case] form: Form) {
    let canary = [("canary.every_minutes", "5"), ("canary.phone", "15499990077")];
    let Some(app) = TestApp::with(form, &canary).await else { return };
    // Gateways and requests show with their first use.
    let outbreak = app.outbreak(2).await;
    app.citizen().await;
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;
    app.receipts_arrive(true).await;
    outbreak.official.get("/work-list").await.ok(200);
    app.anyone().post("/retention/runs", json!({})).await;
    let mut wanted: BTreeSet<String> = pages().values().flat_map(|text| named(text)).collect();
    let selectors: Vec<(String, VectorSelector)> =
        rules().iter().flat_map(|rule| selected(rule).into_iter().map(|s| (rule.alert.clone(), s))).collect();
    let of_rules = selectors.iter().filter_map(|(_, s)| s.name.clone());
    wanted.extend(of_rules.filter(|name| name != "up"));
    let shown = async || {
        let text = [app.anyone().get("/metrics").await.text(), app.notifier_metrics().await].concat();
        metrics(&text)
    };
    let there = |shown: &BTreeMap<String, BTreeSet<String>>, name: &str| {
        ["", "_bucket", "_count"].iter().any(|end| shown.contains_key(&format!("{name}{end}")))
    };
    let missing = async || {
        let shown = shown().await;
        wanted.iter().filter(|name| !there(&shown, name)).cloned().collect::<Vec<_>>()
    };
    let begun = std::time::Instant::now();
    while begun.elapsed().as_secs() < 25 && !missing().await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert_eq!(missing().await, Vec::<String>::new(), "no such metric");
    let shown = shown().await;
    for (alarm, selector) in selectors {
        let Some(labels) = selector.name.as_ref().and_then(|name| shown.get(name)) else { continue };
        for matcher in &selector.matchers.matchers {
            assert!(
                labels.contains(&matcher.name),
                "{alarm}: {:?} has no label {}",
                selector.name,
                matcher.name
            );
        }
    }
}

/// The value of a series, written as `name{label="value"}`.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn numbers_are_opened_as_often_as_messages_are_tried(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let outbreak = app.outbreak(5).await;
    for _ in 0..3 {
        app.citizen().await;
    }
    let alert = outbreak.submitted().await;
    outbreak.approver.post(&format!("{alert}/approval"), outbreak.approval()).await.ok(200);
    app.drained().await;
    let text = app.notifier_metrics().await;
    let of = |name: &str, labels: &str| value(&text, &format!("{name}{{{labels}}}")).unwrap_or(-1.0);
    let opened = of("mashang_unseal_total", "field=\"person.phone\",purpose=\"notify\"");
    let (sent, held) = (
        of("mashang_attempts_total", "purpose=\"notify\""),
        of("mashang_deliveries_held_total", "purpose=\"notify\""),
    );
    assert!(opened >= 10.0 && (opened - sent - held).abs() < 0.5, "{opened} {sent} {held}\n{text}");
    let codes = of("mashang_attempts_total", "purpose=\"sign_in\"");
    assert!(codes >= 3.0, "{codes}");
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn codes_that_nobody_uses_show_in_their_share(#[case] form: Form) {
    let Some(app) = TestApp::with(form, &[("limits.code_per_address_hour", "1000")]).await else { return };
    for _ in 0..2 {
        app.citizen().await;
    }
    for n in 0..6 {
        let body = json!({ "phone": format!("1547{n}000000"), "channel": "sms" });
        app.anyone().post("/auth/codes", body).await.ok(202);
    }
    app.clock.advance(10 * 60_000).await;
    let share = async || {
        let text = app.anyone().get("/metrics").await.text();
        let share = value(&text, "mashang_login_codes_verified_share")?;
        let sent = value(&text, "mashang_login_codes_hour{state=\"sent\"}")?;
        let worst = value(&text, "mashang_login_codes_unverified_most{by=\"address\"}")?;
        (sent >= 8.0).then_some((share, sent, worst))
    };
    let (share, sent, worst) = eventually("the figures are read", share).await;
    assert!((share * sent - (sent - 6.0)).abs() < 0.5 && worst >= 6.0, "{share} of {sent}, {worst}");
}
