//! Any bytes as a text: never a panic, and never accepted, for nobody has the private key.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mashang_code_verify::{DenyList, IssuerKey, KeyId, KeySet, Purpose, Verifier};

static GATE: LazyLock<Verifier> = LazyLock::new(|| {
    // The fuzzer cannot sign; the codes of vectors.json are under the keys of seeds 01 and 02, not under this one.
    let issuer = IssuerKey::new(KeyId(1), b"never used outside of the fuzzer");
    let keys = KeySet::new(issuer.public(0..u32::MAX)).expect("one key");
    Verifier::new(keys, Purpose::ALL, u32::MAX)
});

fuzz_target!(|text: &[u8]| {
    let read = GATE.verify(text, 0, &DenyList::default());
    assert!(read.is_err(), "{read:?}");
});
