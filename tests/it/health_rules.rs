//! The rules of the health code as data: checked, explained, put into force, and everybody looked at again.

use std::path::PathBuf;
use std::time::Duration;

use mashang_domain::health::RuleSet;
use mashang_tests::app::{PATIENCE, eventually};
use mashang_tests::health::resident_number;
use mashang_tests::persona::Citizen;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use sea_orm::ConnectionTrait;
use serde_json::json;

/// The shipped rules with another version and some lines changed.
fn rules(version: u32, changes: &[(&str, &str)]) -> String {
    let mut text = RuleSet::shipped_text().replace("version = 1\n", &format!("version = {version}\n"));
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

const CONTACT_IS_YELLOW: (&str, &str) =
    ("any = [\"declared_contact\"]\ncolour = \"red\"", "any = [\"declared_contact\"]\ncolour = \"yellow\"");
const SYMPTOMS_ARE_RED: (&str, &str) = (
    "any = [\"declared_symptom\", \"declared_fever\"]\ncolour = \"yellow\"",
    "any = [\"declared_symptom\", \"declared_fever\"]\ncolour = \"red\"",
);

/// Starts the api again with these rules, from a file that the settings name; the file.
fn restart_with(app: &mut TestApp, text: &str) -> PathBuf {
    let (file, settings) = (app.path("rules.toml"), app.path("api.toml"));
    std::fs::write(&file, text).unwrap();
    let before = std::fs::read_to_string(&settings).unwrap();
    let named = format!("{before}\n[health]\nrules_file = \"{}\"\n", file.display());
    std::fs::write(&settings, named).unwrap();
    app.api().terminate(PATIENCE);
    app.start_api().unwrap();
    file
}

async fn declared(app: &TestApp, n: u32, changes: serde_json::Value) -> Citizen {
    let citizen = app.citizen().await;
    citizen.declares(&resident_number(n), changes).await.ok(201);
    citizen
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn new_rules_look_at_everybody_again(#[case] form: Form) {
    let Some(mut app) = TestApp::start(form).await else { return };
    let contact = declared(&app, 1, json!({ "contact_with_case": true })).await;
    let cough = declared(&app, 2, json!({ "symptoms": ["cough"] })).await;
    let well = declared(&app, 3, json!({})).await;
    let colours = async || [contact.colour().await, cough.colour().await, well.colour().await];
    assert_eq!(colours().await, ["red", "yellow", "green"]);
    let file = restart_with(&mut app, &rules(2, &[CONTACT_IS_YELLOW, SYMPTOMS_ARE_RED]));
    app.clock.advance(15_000).await;
    eventually("everybody was looked at", async || {
        let done = "SELECT count(*) FROM rule_version WHERE version = 2 AND done_at IS NOT NULL AND reviewed = 3 AND changed = 2";
        (app.count(done).await == 1).then_some(())
    })
    .await;
    assert_eq!(colours().await, ["yellow", "red", "green"], "milder and worse");
    let code = contact.code().await;
    assert_eq!(
        (&code["reason"]["rule"], &code["reason"]["code"]),
        (&json!("declared-contact"), &json!("declared_contact")),
        "{code}"
    );
    let explained = app.command(&["rules", "explain", &cough.person_id]).await;
    let said = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.status.success(), "{said}");
    for word in
        ["red", "symptoms", "declared_symptom", "颜色最严重", "worse than that of all others", "version 2"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(cough.get("/me/accesses").await.ok(200).to_string().contains("health.explain"));
    let nobody = app.command(&["rules", "explain", "01900000-0000-7000-8000-000000000000"]).await;
    assert_eq!(nobody.status.code(), Some(1));

    // A process with older rules, or with a changed text of this version, does not start.
    for (text, sentence) in [
        (rules(1, &[]), "have version 1, and version 2 is in force"),
        (rules(2, &[]), "version 2 of the rules of the health code is in force with another text"),
    ] {
        std::fs::write(&file, text).unwrap();
        let refused = app.command(&["serve"]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(sentence), "{said}");
    }
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test]
async fn running_processes_follow_and_survive_what_they_do_not_know(#[case] form: Form) {
    let Some(app) = TestApp::start(form).await else { return };
    let put = async |version: u32, text: &str| {
        let sql = format!(
            "INSERT INTO rule_version (version, rule_set, sha256, text, since) VALUES ({version}, 'mashang', '-', '{}', {})",
            text.replace('\'', "''"),
            app.now().0
        );
        app.db().await.execute_unprepared(&sql).await.unwrap();
    };
    let metric = async |line: &str| {
        eventually(line, async || app.anyone().get("/metrics").await.text().contains(line).then_some(()))
            .await;
    };
    metric("mashang_rules_version 1").await;
    put(2, &rules(2, &[SYMPTOMS_ARE_RED])).await;
    metric("mashang_rules_version 2").await;
    let cough = declared(&app, 1, json!({ "symptoms": ["cough"] })).await;
    assert_eq!(cough.colour().await, "red");
    // A later release knows another fact, has it in a rule, and writes it down.
    put(
        3,
        &rules(
            3,
            &[(
                "\"declared_symptom\", \"declared_fever\"]\ncolour = \"yellow\"",
                "\"not_born_yet\"]\ncolour = \"yellow\"",
            )],
        ),
    )
    .await;
    metric("mashang_rules_understood 0").await;
    let person = uuid::Uuid::parse_str(&cough.person_id).unwrap();
    let id = if form == Form::Sqlite { format!("x'{}'", person.simple()) } else { format!("'{person}'") };
    let fact = format!(
        "INSERT INTO health_fact (person_id, evidence, fact, at) VALUES ({id}, {id}, 'not_born_yet', {})",
        app.now().0
    );
    app.db().await.execute_unprepared(&fact).await.unwrap();
    app.clock.advance(60_000).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    cough.declares(&resident_number(1), json!({})).await.ok(201);
    assert_eq!(cough.colour().await, "red", "by the rules that it knows");
    assert_eq!(app.count("SELECT count(*) FROM rule_version WHERE version = 3 AND reviewed > 0").await, 0);
}

#[tokio::test]
async fn a_file_of_rules_is_checked_before_it_is_used() {
    let app = TestApp::start(Form::Sqlite).await.unwrap();
    let shipped = app.command(&["rules", "check"]).await;
    let said = String::from_utf8(shipped.stdout).unwrap();
    assert!(
        shipped.status.success() && said.contains("close-contact") && said.contains("version 1"),
        "{said}"
    );
    let check = async |text: &str| {
        let file = app.path("rules.toml");
        std::fs::write(&file, text).unwrap();
        let output = app.command(&["rules", "check", file.to_str().unwrap()]).await;
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(check(RuleSet::shipped_text()).await.0, Some(0));
    let faulty = rules(
        0,
        &[("id = \"notice-2\"", "id = \"Notice 2\""), ("zh = \"申报正常，凭此码通行。\"", "zh = \"ok\"")],
    );
    let (code, said) = check(&faulty).await;
    assert_eq!(code, Some(1));
    for fault in ["version: versions begin at 1", "Notice 2: the name", "healthy: the Chinese text"] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
    let (code, said) = check(&rules(2, &[("colour = \"green\"", "colour = \"purple\"")])).await;
    assert!(code == Some(1) && said.contains("purple") && said.contains("line"), "{said}");
    assert_eq!(app.command(&["rules", "check", "/nowhere/rules.toml"]).await.status.code(), Some(1));
}
