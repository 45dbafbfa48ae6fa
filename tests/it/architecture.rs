//! The walls of the building: who may depend on whom, and what must not stand where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const CRATES: [&str; 9] =
    ["code-verify", "config", "domain", "entity", "infra", "migration", "notifier", "api", "tests"];
/// Who may know whom. The tests may know all.
const ARROWS: &[(&str, &[&str])] = &[
    ("code-verify", &[]),
    ("domain", &[]),
    ("config", &[]),
    ("migration", &[]),
    ("entity", &["domain"]),
    ("infra", &["domain", "entity", "config", "code-verify"]),
    ("notifier", &["domain", "entity", "infra", "config"]),
    ("api", &["domain", "entity", "infra", "config", "code-verify", "migration", "notifier"]),
];
/// What a rule of the epidemic has no use for.
const OUTSIDE_OF_DOMAIN: &[&str] = &[
    "tokio",
    "actix-web",
    "reqwest",
    "redis",
    "deadpool-redis",
    "config",
    "tracing",
    "sea-orm-migration",
    "lettre",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(name: &str) -> toml::Table {
    std::fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap().parse().unwrap()
}

fn dependencies(name: &str) -> toml::Table {
    manifest(name).get("dependencies").and_then(|d| d.as_table()).cloned().unwrap_or_default()
}

fn ours(name: &str) -> BTreeSet<String> {
    dependencies(name).keys().filter_map(|k| k.strip_prefix("mashang-")).map(str::to_owned).collect()
}

/// Every source file below a folder, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The part of a file before its unit tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn arrows_point_where_the_design_wants_them() {
    for (name, allowed) in ARROWS {
        let known: BTreeSet<String> = allowed.iter().map(|a| (*a).to_owned()).collect();
        let wrong: Vec<_> = ours(name).difference(&known).cloned().collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
    let members = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members: toml::Table = members.parse().unwrap();
    let members: BTreeSet<&str> =
        members["workspace"]["members"].as_array().unwrap().iter().filter_map(|m| m.as_str()).collect();
    assert_eq!(members, BTreeSet::from(CRATES), "a new crate needs its arrows here");
}

#[test]
fn there_is_no_circle() {
    let mut left: BTreeMap<&str, BTreeSet<String>> = CRATES.iter().map(|c| (*c, ours(c))).collect();
    while !left.is_empty() {
        let free: Vec<&str> = left.iter().filter(|(_, d)| d.is_empty()).map(|(c, _)| *c).collect();
        assert!(!free.is_empty(), "these depend on each other: {left:?}");
        for done in free {
            left.remove(done);
            left.values_mut().for_each(|d| {
                d.remove(done);
            });
        }
    }
}

#[test]
fn the_rules_know_no_outside_world() {
    let domain = dependencies("domain");
    let wrong: Vec<_> = OUTSIDE_OF_DOMAIN.iter().filter(|d| domain.contains_key(**d)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    if let Some(orm) = domain.get("sea-orm") {
        assert_eq!(
            orm.get("optional"),
            Some(&toml::Value::Boolean(true)),
            "words of the database are a feature"
        );
    }
    for (file, text) in sources("domain/src") {
        for word in [
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "async fn",
            "Instant::now",
            "Utc::now",
            "rand::rng()",
        ] {
            assert!(!code(&text).contains(word), "{file}: {word}");
        }
    }
}

#[test]
fn queries_are_built_in_the_store_alone() {
    let words =
        ["Statement::from", "Entity::find", "Entity::insert", "Entity::update", "Entity::delete", "SELECT "];
    for folder in ["infra/src", "api/src", "notifier/src"] {
        for (file, text) in sources(folder) {
            if file.starts_with("infra/src/store")
                || file.starts_with("infra/src/db")
                || file.contains("tests")
            {
                continue;
            }
            for word in words {
                assert!(!code(&text).contains(word), "{file}: {word} belongs into infra/src/store");
            }
        }
    }
}

#[test]
fn secrets_of_providers_are_read_by_the_notifier_alone() {
    for folder in ["api/src", "infra/src", "domain/src"] {
        for (file, text) in sources(folder) {
            // Sign-in through a platform takes the platform's secret; it is opened in the clients of the platforms only.
            // So is that of a card's platform, where its requests are signed.
            let platform = file.starts_with("infra/src/platform")
                || file.starts_with("infra/src/store/platform")
                || file == "api/src/cards/envelope.rs";
            let all = [".access_key_secret", ".receipt_secret", "expose_secret"];
            for word in all.into_iter().filter(|word| !(platform && *word == "expose_secret")) {
                assert!(!code(&text).contains(word), "{file}: {word}");
            }
        }
    }
}

#[test]
fn time_and_chance_come_from_outside() {
    for folder in ["api/src", "notifier/src", "infra/src", "code-verify/src"] {
        for (file, text) in sources(folder) {
            if file == "infra/src/clock.rs" {
                continue;
            }
            for word in ["Utc::now()", "SystemTime::now()", "Local::now()"] {
                let lines = code(&text).lines().filter(|l| !l.trim_start().starts_with("//"));
                let excused = text.contains("disallowed_methods");
                assert!(excused || !lines.clone().any(|l| l.contains(word)), "{file}: {word}");
            }
        }
    }
}

#[test]
fn files_are_short_and_say_why_they_exist() {
    for folder in CRATES {
        for (file, text) in sources(folder) {
            let test = file.contains("/tests") || file.starts_with("tests/");
            let limit = if test { 750 } else { 450 };
            let lines = text.lines().count();
            assert!(lines <= limit, "{file}: {lines} lines; split it by its users");
            let first = text.lines().find(|l| !l.starts_with("#!") && !l.is_empty()).unwrap_or_default();
            let excused = lines < 12
                || file.ends_with("/tests.rs")
                || file.starts_with("entity/") && first.starts_with("//");
            assert!(excused || first.starts_with("//!"), "{file}: the first line says why the file exists");
        }
    }
}

#[test]
fn forbidden_words_stay_away() {
    let words = ["dbg!(", "todo!(", "unimplemented!(", "println!(", ".unwrap()", "XXX", "FIXME"];
    let printers = ["api/src/cli/mod.rs", "notifier/src/main.rs"];
    for folder in [
        "code-verify/src",
        "config/src",
        "domain/src",
        "entity/src",
        "infra/src",
        "migration/src",
        "notifier/src",
        "api/src",
    ] {
        for (file, text) in sources(folder) {
            for word in words.iter().filter(|w| !(printers.contains(&file.as_str()) && w.contains("println")))
            {
                if file.contains("tests") {
                    continue;
                }
                let mut lines = code(&text).lines().filter(|l| !l.trim_start().starts_with("//"));
                let found = lines.find(|l| l.contains(word));
                assert!(found.is_none(), "{file}: {word}: {found:?}");
            }
        }
    }
}
