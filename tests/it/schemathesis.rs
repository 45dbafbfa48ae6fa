//! The OpenAPI document held against the running server by a tool that was not written here: Schemathesis makes requests
//! from the document, right ones and wrong ones, and compares every answer with it.
//!
//! `MASHANG_SCHEMATHESIS` names the program (`tests/schemathesis` installs it). A run makes a few requests for each
//! operation and role; `MASHANG_SCHEMATHESIS_SECONDS` makes it go on for so long with each role instead.

use std::path::PathBuf;
use std::process::Stdio;

use mashang_domain::person::Role;
use mashang_tests::outbreak::Outbreak;
use mashang_tests::place::skip;
use mashang_tests::{Form, TestApp};
use rstest::rstest;
use tokio::process::Command;

/// Operations that would end the caller's own session, or the operation with everything in it; and a stream, which goes
/// on until its alert is done: each request for it would last as long as the tool waits.
const LEFT_OUT: [&str; 4] = ["erase_me", "end_session", "end_operation", "watch_alert"];

/// Seconds for each role, in a long run.
const LONG: &str = "MASHANG_SCHEMATHESIS_SECONDS";

/// What fits the document may still be refused by a rule that no schema tells, such as an end before its beginning.
const REFUSED_BY_RULE: &str = r#"[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "410", "422", "429"]
# Of an upload each scan has its own answer: one that is wrong costs no other, and the whole is 200.
[[operations]]
include-operation-id = "record_scans"
checks.negative_data_rejection.enabled = false
"#;

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("MASHANG_SCHEMATHESIS").map(PathBuf::from);
    if named.is_none() {
        skip("MASHANG_SCHEMATHESIS is not set");
    }
    named
}

/// Ids that exist, for the paths that take one: else everything would end at 404.
fn settings(outbreak: &Outbreak, alert: &str) -> String {
    let id = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let alert = alert.rsplit('/').next().unwrap_or_default();
    let known = [
        ("/venues/", outbreak.venue.id.clone()),
        ("/cases/", id(&outbreak.case["id"])),
        ("/traces/", id(&outbreak.trace["id"])),
        ("/alerts/", alert.to_owned()),
    ];
    let one = |(path, id): &(&str, String)| {
        format!(
            "[[operations]]\ninclude-path-regex = \"{path}\\\\{{id\\\\}}\"\nparameters = {{ \"path.id\" = \"{id}\" }}\n"
        )
    };
    REFUSED_BY_RULE.to_owned() + &known.iter().map(one).collect::<String>()
}

/// One role's run: what it found, or that it found nothing.
async fn run(app: &TestApp, program: &PathBuf, who: &str, token: Option<&str>) -> Result<String, String> {
    let document = format!("{}/api/openapi.json", app.url);
    let mut command = Command::new(program);
    command.arg("--config-file").arg(app.path("schemathesis.toml"));
    // All checks: that is the default, and naming them here would overrule the settings.
    command.args(["run", &document, "--continue-on-failure", "--request-timeout", "30"]);
    // One worker: of several, the Python of some systems confuses the threads.
    command.args(["--workers", "1", "--generation-database", "none", "--no-shrink", "--no-color"]);
    command.args(["--suppress-health-check", "all"]);
    match std::env::var(LONG) {
        Ok(seconds) => command.args(["--max-examples", "100", "--max-time", &seconds]),
        Err(_) => command.args(["--max-examples", "2"]),
    };
    command.args(LEFT_OUT.iter().flat_map(|operation| ["--exclude-operation-id", operation]));
    command.args(token.map(|token| format!("--header=Authorization: Bearer {token}")));
    let command = command.current_dir(app.path("tmp")).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(folder) = std::env::var_os("MASHANG_SCHEMATHESIS_REPORTS") {
        std::fs::write(PathBuf::from(folder).join(format!("{who}-{:?}.txt", app.form)), &text).unwrap();
    }
    let number = |word: &str| -> Option<u32> {
        let after = text.lines().find_map(|line| line.trim().strip_prefix(word))?;
        after.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
    };
    let all_tested = number("Selected:").is_some_and(|n| n > 60 && number("Tested:") == Some(n));
    if output.status.success() && all_tested {
        return Ok(format!(
            "{who}: {}",
            text.lines().find(|line| line.contains(" generated")).unwrap_or_default().trim()
        ));
    }
    Err(format!("{who}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[rstest]
#[case::sqlite(Form::Sqlite)]
#[case::service(Form::Service)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_as_the_document_says(#[case] form: Form) {
    let Some(program) = program() else { return };
    let limits = [("limits.code_failures_breaker", "1000000"), ("limits.staff_failures", "1000000")];
    let Some(app) = TestApp::with(form, &limits).await else { return };
    let outbreak = app.outbreak(5).await;
    let alert = outbreak.submitted().await;
    std::fs::write(app.path("schemathesis.toml"), settings(&outbreak, &alert)).unwrap();
    let citizen = app.citizen().await;
    let mut callers: Vec<(&str, Option<String>)> = vec![
        ("anonymous", None),
        ("citizen", Some(citizen.token.clone())),
        ("manager", Some(outbreak.venue.manager.token.clone())),
    ];
    for role in [Role::Guard, Role::Auditor, Role::Administrator, Role::Official, Role::Approver] {
        callers.push((role.as_str(), Some(app.staff(role, "").await.token)));
    }
    let mut failures = Vec::new();
    // A short run shares the roles between the two forms.
    let (start, step) = match (std::env::var_os(LONG), form) {
        (Some(_), _) => (0, 1),
        (None, Form::Sqlite) => (0, 2),
        (None, Form::Service) => (1, 2),
    };
    for (who, token) in callers.iter().skip(start).step_by(step) {
        match run(&app, &program, who, token.as_deref()).await {
            Ok(summary) => eprintln!("{summary}"),
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "{} roles:\n{}", failures.len(), failures.join("\n\n"));
}
