//! How many codes one core checks a second, against the bare signature check of the library in the same run: the
//! strict one that the crate uses, and the plain one, which is a little faster and lets more pass.
//!
//! `cargo run --release --workspace --example rate`. Rounds of all alternate and the best of each counts, so that a busy
//! machine disturbs all alike.
#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier as _, VerifyingKey};
use mashang_code_verify::{
    Colour, DenyList, IssuerKey, KeyId, KeySet, Payload, Purpose, Token, TokenId, Verifier,
};

const CODES: u8 = 200;
const ROUNDS: usize = 40;
const SEED: [u8; 32] = [1; 32];
const NOW: u32 = 1_770_076_800;

fn code(issuer: &IssuerKey, number: u8) -> Result<String, Box<dyn std::error::Error>> {
    let payload = Payload::new(&[number; 16]).unwrap_or_default();
    Ok(issuer.sign(&Token {
        purpose: Purpose::HealthCode,
        issued_at: NOW,
        expires_at: NOW + 60,
        id: TokenId([number; 16]),
        colour: Some(Colour::Green),
        payload,
    })?)
}

/// The length of what is signed for such a code.
const MESSAGE: usize = 12 + 31 + 16;

fn best(times: &[Duration]) -> f64 {
    let shortest = times.iter().min().map_or(f64::INFINITY, Duration::as_secs_f64);
    f64::from(CODES) / shortest
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = IssuerKey::new(KeyId(1), &SEED);
    let codes = (0..CODES).map(|number| code(&issuer, number)).collect::<Result<Vec<_>, _>>()?;
    let gate = Verifier::new(KeySet::new([issuer.public(0..u32::MAX)?])?, Purpose::ALL, 0);
    let denied: DenyList = (0..=u16::MAX).map(|n| TokenId([(n >> 8) as u8 ^ n as u8 | 0xf8; 16])).collect();
    let key = SigningKey::from_bytes(&SEED);
    let public: VerifyingKey = key.verifying_key();
    let signed: Vec<([u8; MESSAGE], Signature)> =
        (0..CODES).map(|number| ([number; MESSAGE], key.sign(&[number; MESSAGE]))).collect();

    let (mut plain, mut bare, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for (message, signature) in &signed {
            public.verify(black_box(message), black_box(signature))?;
        }
        plain.push(start.elapsed());
        let start = Instant::now();
        for (message, signature) in &signed {
            public.verify_strict(black_box(message), black_box(signature))?;
        }
        bare.push(start.elapsed());
        let start = Instant::now();
        for code in &codes {
            black_box(gate.verify(black_box(code), NOW.into(), &denied)?);
        }
        whole.push(start.elapsed());
    }
    let whole = best(&whole);
    println!("codes                  {whole:8.0} /s");
    for (name, rate) in [("bare Ed25519, strict", best(&bare)), ("bare Ed25519, plain", best(&plain))] {
        println!("{name:22} {rate:8.0} /s   ratio {:.3}", whole / rate);
    }
    Ok(())
}
