//! The start-up check of the real binaries: what is dangerous is refused at once, by name.

use std::time::{Duration, Instant};

use mashang_tests::private_redis::PrivateRedis;
use mashang_tests::process::command;
use mashang_tests::settings::variable;

/// Setting and value that must not start, and the name that the refusal has to say.
const REFUSED: &[(&str, &str, &str)] = &[
    ("http.public_url", "http://127.0.0.1:8080/", "http.public_url"),
    ("http.listen", "everywhere", "http.listen"),
    ("http.max_body_bytes", "1", "http.max_body_bytes"),
    ("database.url", "mysql://nowhere/db", "database.url"),
    ("redis.url", "memcached://nowhere", "redis.url"),
    ("notifier.embedded", "false", "notifier.embedded"),
    ("sessions.citizen_days", "365", "sessions.citizen_days"),
    ("limits.code_tries", "100", "limits.code_tries"),
    ("limits.code_ttl_seconds", "86400", "limits.code_ttl_seconds"),
    ("retention.scans_days", "0", "retention.scans_days"),
    ("retention.scans_days", "14", "retention.scans_days"),
    ("alerts.ladder_3", "email", "alerts.ladder_3"),
    ("trace.after_minutes", "2000", "trace.after_minutes"),
    ("limits.code_trys", "5", "code_trys"),
    ("scans.group_max", "many", "scans.group_max"),
];

/// What production refuses beyond that.
const REFUSED_IN_PRODUCTION: &[&str] =
    &["http.public_url", "database.url", "gateways", "limits.allow_test_numbers"];

fn refusal(binary: &str, settings: &[(&str, &str)]) -> (Option<i32>, String, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let env: Vec<(String, String)> = settings.iter().map(|(k, v)| (variable(k), (*v).to_owned())).collect();
    let begun = Instant::now();
    let output = command(binary, &["serve"], &env).unwrap().current_dir(folder.path()).output().unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "{settings:?}: whoever is refused leaves nothing behind");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), begun.elapsed())
}

#[test]
fn dangerous_settings_are_refused_by_name_at_once() {
    for binary in ["mashang-api", "mashang-notifier"] {
        let mut slowest = Duration::ZERO;
        for (setting, value, named) in REFUSED {
            let (code, said, took) = refusal(binary, &[(setting, value)]);
            assert_eq!(code, Some(1), "{binary} {setting} = {value}: {said}");
            assert!(said.contains(named), "{binary} {setting} = {value}: {said}");
            slowest = slowest.max(took);
        }
        assert!(slowest < Duration::from_secs(2), "{binary}: {slowest:?}");
    }
}

#[test]
fn production_refuses_what_is_for_development() {
    for binary in ["mashang-api", "mashang-notifier"] {
        let (code, said, _) = refusal(binary, &[("environment", "production")]);
        assert_eq!(code, Some(1));
        for name in REFUSED_IN_PRODUCTION {
            assert!(said.contains(name), "{binary}: {name} is not named in: {said}");
        }
    }
}

#[test]
fn a_redis_that_evicts_is_refused_by_both() {
    let Some(redis) = PrivateRedis::start() else { return };
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).unwrap();
    for binary in ["mashang-api", "mashang-notifier"] {
        let folder = tempfile::tempdir().unwrap();
        let settings = [("redis.url", redis.url()), ("notifier.listen", "127.0.0.1:0".to_owned())];
        let env: Vec<(String, String)> = settings.map(|(k, v)| (variable(k), v)).to_vec();
        let output = command(binary, &["serve"], &env).unwrap().current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{binary}: {said}");
        assert!(said.contains("maxmemory-policy = allkeys-lru: must be noeviction"), "{binary}: {said}");
    }
}

#[test]
fn secrets_are_not_repeated() {
    let (code, said, _) = refusal("mashang-api", &[("database.url", "mysql://root:hunter2@nowhere/db")]);
    assert_eq!(code, Some(1));
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    for (binary, args, code) in [
        ("mashang-api", &["--help"][..], 0),
        ("mashang-api", &["--version"][..], 0),
        ("mashang-api", &["fly"][..], 2),
        ("mashang-api", &["staff", "add"][..], 2),
        ("mashang-api", &["--config", "/nowhere.toml", "serve"][..], 1),
        ("mashang-notifier", &["--help"][..], 0),
        ("mashang-notifier", &["--version"][..], 0),
        ("mashang-notifier", &["fly"][..], 2),
        ("mashang-notifier", &["--config", "/nowhere.toml", "serve"][..], 1),
    ] {
        let output = command(binary, args, &[]).unwrap().output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{binary} {args:?}");
    }
}
