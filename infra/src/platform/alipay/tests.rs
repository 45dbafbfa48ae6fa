//! Judged by Alipay's own SDK: what it signs, believes and encrypts stands in `tests/platform-vectors/alipay.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::gateway::signed_text;
use super::*;
use crate::platform::Failure;

#[derive(Deserialize)]
struct Vectors {
    keys: Keys,
    requests: Vec<Request>,
    answers: Vec<Answer>,
    contents: Vec<Content>,
}

#[derive(Deserialize)]
struct Keys {
    ours: Pair,
    alipay: Pair,
    aes: String,
}

#[derive(Deserialize)]
struct Pair {
    pkcs8: String,
    pkcs1: String,
    public: String,
}

#[derive(Deserialize)]
struct Request {
    parameters: BTreeMap<String, String>,
    sign: String,
}

#[derive(Deserialize)]
struct Answer {
    about: String,
    body: String,
    good: bool,
}

#[derive(Deserialize)]
struct Content {
    content: String,
    cipher: String,
    sign: String,
    good: bool,
}

fn vectors() -> Vectors {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/platform-vectors/alipay.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("there")).expect("reads")
}

fn alipay(vectors: &Vectors) -> Alipay {
    Alipay::new(&Section {
        app_id: "2021000000000001".into(),
        private_key: vectors.keys.ours.pkcs8.clone().into(),
        public_key: vectors.keys.alipay.public.clone(),
        aes_key: vectors.keys.aes.clone().into(),
        endpoint: "https://openapi.alipay.com/gateway.do".into(),
        page: "pages/scan/index".into(),
        picture_hosts: Vec::new(),
        codes_per_minute: 1,
        connect_timeout_ms: 100,
        timeout_ms: 100,
    })
    .expect("made")
}

#[test]
fn our_signatures_are_those_of_the_sdk() {
    let vectors = vectors();
    assert!(vectors.requests.len() >= 2);
    for key in [&vectors.keys.ours.pkcs8, &vectors.keys.ours.pkcs1, &pem(&vectors.keys.ours.pkcs8)] {
        let key = PrivateKey::parse(key).expect("a key");
        for Request { parameters, sign } in &vectors.requests {
            let text = signed_text(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            assert_eq!(key.sign(&text).as_ref(), Some(sign), "{text}");
        }
    }
}

/// As a file of OpenSSL's has it.
fn pem(base64: &str) -> String {
    let lines: Vec<&str> = base64.as_bytes().chunks(64).filter_map(|c| std::str::from_utf8(c).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn an_empty_value_is_not_signed_and_names_are_sorted_as_names() {
    let pairs = [("b", "2"), ("a_b", "1"), ("a", "x=y"), ("c", "")];
    assert_eq!(signed_text(pairs.into_iter()), "a=x=y&a_b=1&b=2");
}

#[test]
fn we_believe_what_the_sdk_believes() {
    let vectors = vectors();
    let alipay = alipay(&vectors);
    assert!(vectors.answers.iter().any(|a| a.good) && vectors.answers.iter().any(|a| !a.good));
    for Answer { about, body, good } in &vectors.answers {
        let read = alipay.read::<Value>("alipay.system.oauth.token", body);
        let refused =
            Failure::Settings { setting: "alipay.public_key", code: "signature of the answer".to_owned() };
        match good {
            true => assert!(read.is_ok(), "{about}: {read:?}"),
            false => assert_eq!(read, Err(refused), "{about}"),
        }
    }
    let unsigned = r#"{"alipay_system_oauth_token_response":{"user_id":"2088"}}"#;
    assert!(alipay.read::<Value>("alipay.system.oauth.token", unsigned).is_err());
    let other = r#"{"alipay_open_other_response":{"user_id":"2088"},"sign":"AA=="}"#;
    assert!(alipay.read::<Value>("alipay.system.oauth.token", other).is_err());
    let denied = r#"{"error_response":{"code":"40002","msg":"m","sub_code":"isv.code-invalid","sub_msg":"授权码无效"}}"#;
    let code = Failure::Code("40002 isv.code-invalid".to_owned());
    assert_eq!(alipay.read::<Value>("alipay.system.oauth.token", denied), Err(code));
}

#[test]
fn phone_numbers_of_the_sdk_open_and_no_others() {
    let vectors = vectors();
    let alipay = alipay(&vectors);
    for Content { content, cipher, sign, good } in &vectors.contents {
        assert!(good, "the SDK believes its own");
        let content: Value = serde_json::from_str(content).expect("JSON");
        let read = alipay.phone_number(cipher, sign);
        match content["mobile"].as_str() {
            Some(mobile) => assert_eq!(read.expect("opens").reveal(), format!("+86{mobile}")),
            None => assert!(matches!(read, Err(Failure::Code(_))), "{read:?}"),
        }
        assert_eq!(alipay.phone_number(cipher, "AAAA"), Err(Failure::Code("signature".into())));
    }
    let [first, second, ..] = vectors.contents.as_slice() else { panic!("two contents") };
    assert!(alipay.phone_number(&first.cipher, &second.sign).is_err(), "a signature of another content");
    let bare = alipay.ours.sign(&format!("\"{}\"", first.cipher)).expect("signed");
    assert!(alipay.phone_number(&first.cipher, &bare).is_err(), "our own signature");
}

#[test]
fn a_signed_content_that_is_none_is_refused() {
    let vectors = vectors();
    // With Alipay's key in hand: what is signed must still open and be a number.
    let keys = PrivateKey::parse(&vectors.keys.alipay.pkcs8).expect("a key");
    for bad in ["", "AAAA", "not base64", "AAAAAAAAAAAAAAAAAAAAAA=="] {
        let sign = keys.sign(&format!("\"{bad}\"")).expect("signed");
        assert!(matches!(alipay(&vectors).phone_number(bad, &sign), Err(Failure::Code(_))), "{bad}");
    }
}
