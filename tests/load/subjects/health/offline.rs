//! A gate without a network: how many codes one core reads, beside the bare check of their signatures.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;
use ed25519_dalek::{Signature, Signer, SigningKey};
use mashang_code_verify::{
    Colour, DenyList, IssuerKey, KeyId, KeySet, Payload, Purpose, Token, TokenId, Verifier,
};

const CODES: u32 = 1_000;
const NOW: u32 = 1_581_393_600;
const SEED: [u8; 32] = [7; 32];

/// Codes read a second by one core.
pub fn codes_per_second(time: Duration) -> anyhow::Result<f64> {
    let key = IssuerKey::new(KeyId(1), &SEED);
    let codes: Vec<String> = (0..CODES).map(|n| code(&key, n)).collect::<anyhow::Result<_>>()?;
    let keys = KeySet::new([key.public(0..u32::MAX)?])?;
    let (verifier, denied) = (Verifier::new(keys, [Purpose::HealthCode], 0), DenyList::default());
    let good = codes.iter().all(|code| verifier.verify(code, u64::from(NOW), &denied).is_ok());
    anyhow::ensure!(good, "codes are good");
    Ok(rate(time, |n| {
        let code = &codes[n % codes.len()];
        black_box(verifier.verify(black_box(code), u64::from(NOW), &denied)).is_ok()
    }))
}

/// Signatures of messages of the same length checked a second by one core, as strictly.
pub fn signatures_per_second(time: Duration) -> anyhow::Result<f64> {
    let key = SigningKey::from_bytes(&SEED);
    let public = key.verifying_key();
    let message = |n: u32| [[7; 39].as_slice(), &n.to_be_bytes()].concat();
    let signed: Vec<(Vec<u8>, Signature)> = (0..CODES).map(|n| (message(n), key.sign(&message(n)))).collect();
    let first = signed.first().context("a message")?;
    anyhow::ensure!(public.verify_strict(&first.0, &first.1).is_ok(), "signatures are good");
    Ok(rate(time, |n| {
        let (message, signature) = &signed[n % signed.len()];
        black_box(public.verify_strict(black_box(message), signature)).is_ok()
    }))
}

fn code(key: &IssuerKey, n: u32) -> anyhow::Result<String> {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    Ok(key.sign(&Token {
        purpose: Purpose::HealthCode,
        issued_at: NOW,
        expires_at: NOW + 60,
        id: TokenId(id),
        colour: Some(Colour::Green),
        payload: Payload::default(),
    })?)
}

fn rate(time: Duration, mut once: impl FnMut(usize) -> bool) -> f64 {
    let begun = Instant::now();
    let mut done = 0;
    while begun.elapsed() < time {
        done += (0..100).filter(|n| once(done + n)).count();
    }
    done as f64 / begun.elapsed().as_secs_f64()
}
