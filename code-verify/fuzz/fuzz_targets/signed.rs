//! Any bytes, well signed: what is accepted has exactly the text that the signer writes for it.
#![no_main]

use std::sync::LazyLock;

use ed25519_dalek::{Signer, SigningKey};
use libfuzzer_sys::fuzz_target;
use mashang_code_verify::{DenyList, IssuerKey, KeyId, KeySet, Purpose, Verifier};

const SEED: [u8; 32] = [1; 32];
static ISSUER: LazyLock<IssuerKey> = LazyLock::new(|| IssuerKey::new(KeyId(1), &SEED));
static GATE: LazyLock<Verifier> = LazyLock::new(|| {
    let keys = KeySet::new(ISSUER.public(0..u32::MAX)).expect("one key");
    Verifier::new(keys, Purpose::ALL, 30)
});

fn text(bytes: &[u8]) -> String {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    let mut text = String::from("MSC:");
    for pair in bytes.chunks(2) {
        let number = pair.iter().fold(0, |n, b| n * 256 + usize::from(*b));
        let digits = [number % 45, number / 45 % 45, number / 2025];
        text.extend(digits[..=pair.len()].iter().map(|d| char::from(alphabet[*d])));
    }
    text
}

fuzz_target!(|input: (u32, &[u8])| {
    let (now, tail) = input;
    // The version and the key are right; else the signature would not be looked at.
    let mut bytes = vec![1, tail.first().map_or(0, |b| b % 6), 0, 0, 0, 1];
    bytes.extend(tail.iter().skip(1));
    let message = [&b"mashang-code"[..], &bytes].concat();
    bytes.extend(SigningKey::from_bytes(&SEED).sign(&message).to_bytes());
    let code = text(&bytes);
    if let Ok(read) = GATE.verify(&code, now.into(), &DenyList::default()) {
        assert_eq!(ISSUER.sign(&read.token).as_deref(), Ok(code.as_str()));
        assert!(u64::from(now) + 30 >= read.token.issued_at.into());
        assert!(u64::from(now) < u64::from(read.token.expires_at) + 30);
    }
});
