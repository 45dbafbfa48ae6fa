//! A second implementation, in another language and from the page alone, has to come to the same results.

use std::path::Path;
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judge.py");

/// `None` when there is no Python; a failure when all tests are required.
fn judge(vectors: &Path) -> Option<Output> {
    match Command::new("python3").args(["-I", SCRIPT]).arg(vectors).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("MASHANG_TESTS_REQUIRE_ALL").is_none(), "python3: {error}");
            eprintln!("skipped: there is no python3 ({error})");
            None
        }
    }
}

#[test]
fn python_agrees_on_every_vector() {
    let Some(output) = judge(&crate::vectors::path()) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(crate::vectors::path()).unwrap()).unwrap();
    let vectors = file["vectors"].as_array().unwrap().len();
    assert!(vectors >= 50, "{vectors}");
    assert_eq!(said.trim(), format!("{vectors} vectors agree"));
}

/// Else its agreement would say nothing.
#[test]
fn python_disagrees_when_something_is_wrong() {
    let text = std::fs::read_to_string(crate::vectors::path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.json");
    for (right, wrong) in [
        ("\"code\": \"bad_signature\"", "\"code\": \"unknown_key\""),
        ("\"colour\": 1,", "\"colour\": 2,"),
        ("\"text\": \"MSC:", "\"text\": \"MSC:0"),
        ("\"seconds\": 31", "\"seconds\": 30"),
        (
            "\"unusable_keys\": [",
            "\"unusable_keys\": [\"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\",",
        ),
    ] {
        assert!(text.contains(right), "{right}");
        std::fs::write(&file, text.replacen(right, wrong, 1)).unwrap();
        let Some(output) = judge(&file) else { return };
        assert_eq!(output.status.code(), Some(1), "{wrong}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
