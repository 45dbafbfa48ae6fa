//! What `docs/code-format.md` says is what the code does.

use mashang_code_verify::{MAX_PAYLOAD, MAX_TEXT, Purpose};

use crate::vectors::example;

pub const REFUSALS: [&str; 9] = [
    "malformed",
    "unknown_version",
    "unknown_key",
    "bad_signature",
    "key_not_in_use",
    "wrong_purpose",
    "not_yet_valid",
    "expired",
    "denied",
];
pub const FLAWS: [&str; 6] = ["prefix", "length", "alphabet", "group", "colour", "life"];

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/code-format.md")).unwrap()
}

#[test]
fn the_example_of_the_page_is_the_first_vector() {
    let (text, bytes) = example();
    let page = page();
    assert!(page.contains(&text), "{text}");
    // The page shows the bytes field by field.
    let shown: String = page
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once("  "))
        .map(|(bytes, _)| bytes.replace(' ', ""))
        .collect();
    assert_eq!(shown, bytes);
}

#[test]
fn the_page_knows_each_refusal_and_each_bound() {
    let page = page();
    for word in REFUSALS.iter().chain(&FLAWS) {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
    for purpose in Purpose::ALL {
        let row = page
            .lines()
            .find(|l| l.starts_with(&format!("| {} | ", purpose.number())) && l.ends_with(" 4 |"))
            .unwrap();
        let life = row.split('|').nth(3).and_then(|cell| cell.split('(').next()).unwrap();
        let seconds: String = life.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(seconds, purpose.longest_life().to_string(), "{row}");
    }
    let vectors = std::fs::read_to_string(crate::vectors::path()).unwrap().matches("\"text\":").count();
    assert!(page.contains(&format!("holds {vectors} codes")), "{vectors}");
    assert!(page.contains(&format!("147 to {MAX_TEXT} characters")));
    assert!(page.contains(&format!("0 to {MAX_PAYLOAD} bytes")));
}
