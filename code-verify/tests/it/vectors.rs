//! `vectors.json`: for other implementations, and against a silent change of the format.
//!
//! What is expected stands in the table of cases; it is compared with this crate, and the file with the table.

mod cases;
pub mod forged;
mod refused;

use std::path::PathBuf;

use mashang_code_verify::{
    Colour, DenyList, IssuerKey, KeyId, KeySet, Purpose, Refusal, Token, TokenId, Verified, Verifier,
};
use serde::Serialize;

use crate::support::{NOW, hex};

const ABOUT: &str = "Test vectors of docs/code-format.md. Made by UPDATE_DOCS=1 cargo nextest run --workspace -E 'test(the_vectors_are_up_to_date)'; do not edit. The seeds are public: never use them.";

#[derive(Serialize)]
struct File {
    about: &'static str,
    keys: Vec<Key>,
    unusable_keys: Vec<String>,
    vectors: Vec<Case>,
}

#[derive(Serialize)]
struct Key {
    id: u32,
    seed: String,
    public_key: String,
    in_use_from: u32,
    in_use_until: u32,
}

/// One text at one gate.
#[derive(Serialize)]
struct Case {
    name: &'static str,
    text: String,
    now: u64,
    skew: u32,
    accepted_purposes: Vec<u8>,
    denied: Vec<String>,
    expected: Expected,
}

#[derive(Serialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Accepted {
        key: u32,
        purpose: u8,
        issued_at: u32,
        expires_at: u32,
        id: String,
        colour: u8,
        payload: String,
    },
    Refused(Why),
}

/// The refusal and the one number or word that goes with it.
#[derive(Serialize, Debug, PartialEq, Default)]
struct Why {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flaw: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
}

/// The keys of the file: the old one and the new one overlap from `NOW` for an hour.
fn issuers() -> [(IssuerKey, [u8; 32], u32, u32, u32); 2] {
    [(1, NOW - 30 * 86_400, NOW + 3600), (2, NOW, u32::MAX)].map(|(id, from, until)| {
        let seed = [id as u8; 32];
        (IssuerKey::new(KeyId(id), &seed), seed, id, from, until)
    })
}

impl From<Result<Verified, Refusal>> for Expected {
    fn from(read: Result<Verified, Refusal>) -> Expected {
        let refusal = match read {
            Ok(Verified { token, key }) => return accepted(&token, key.0),
            Err(refusal) => refusal,
        };
        let why = Why { code: refusal.code(), ..Why::default() };
        Expected::Refused(match refusal {
            Refusal::Malformed(flaw) => Why { flaw: Some(flaw.code()), ..why },
            Refusal::UnknownVersion(number) | Refusal::WrongPurpose(number) => {
                Why { number: Some(number.into()), ..why }
            }
            Refusal::UnknownKey(key) | Refusal::KeyNotInUse(key) => Why { number: Some(key.0), ..why },
            Refusal::NotYetValid { seconds } | Refusal::Expired { seconds } => {
                Why { seconds: Some(seconds), ..why }
            }
            Refusal::BadSignature | Refusal::Denied => why,
        })
    }
}

fn accepted(token: &Token, key: u32) -> Expected {
    Expected::Accepted {
        key,
        purpose: token.purpose.number(),
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        id: hex(&token.id.0),
        colour: token.colour.map_or(0, Colour::number),
        payload: hex(token.payload.as_bytes()),
    }
}

fn read(case: &Case) -> Expected {
    let keys =
        KeySet::new(issuers().map(|(key, _, _, from, until)| key.public(from..until).unwrap())).unwrap();
    let accepted = Purpose::ALL.into_iter().filter(|p| case.accepted_purposes.contains(&p.number()));
    let denied: DenyList = case.denied.iter().map(|id| TokenId(bytes(id))).collect();
    Verifier::new(keys, accepted, case.skew).verify(&case.text, case.now, &denied).into()
}

fn bytes(hex: &str) -> [u8; 16] {
    u128::from_str_radix(hex, 16).unwrap().to_be_bytes()
}

pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors.json")
}

/// The text and the bytes of the first vector, which the page of the format walks through.
pub fn example() -> (String, String) {
    let token = crate::support::health_code();
    let bytes = crate::support::signed(&crate::support::head(&token), &crate::support::SEED);
    (crate::support::issuer().sign(&token).unwrap(), hex(&bytes))
}

#[test]
fn each_vector_is_read_as_expected() {
    for case in cases::all() {
        assert_eq!(read(&case), case.expected, "{}: {}", case.name, case.text);
    }
}

#[test]
fn each_refusal_and_each_flaw_has_a_vector() {
    let all = cases::all();
    let names: std::collections::BTreeSet<_> = all.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), all.len(), "two vectors of one name");
    let whys: Vec<&Why> = all
        .iter()
        .filter_map(|case| match &case.expected {
            Expected::Refused(why) => Some(why),
            Expected::Accepted { .. } => None,
        })
        .collect();
    for code in crate::page::REFUSALS {
        assert!(whys.iter().any(|why| why.code == code), "{code}");
    }
    for flaw in crate::page::FLAWS {
        assert!(whys.iter().any(|why| why.flaw == Some(flaw)), "{flaw}");
    }
}

#[test]
fn the_vectors_are_up_to_date() {
    let keys = issuers().map(|(key, seed, id, in_use_from, in_use_until)| Key {
        id,
        seed: hex(&seed),
        public_key: hex(&key.public_bytes()),
        in_use_from,
        in_use_until,
    });
    let unusable_keys = forged::unusable_keys().iter().map(|key| hex(key)).collect();
    let file = File { about: ABOUT, keys: keys.into(), unusable_keys, vectors: cases::all() };
    let text = serde_json::to_string_pretty(&file).unwrap() + "\n";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(), &text).unwrap();
    }
    let committed = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(committed == text, "vectors.json differs from its cases: run with UPDATE_DOCS=1");
}
