//! A million strings that nobody signed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::{Chance, NOW, health_code, issuer, text, verify};

/// The full number takes its time without optimisation.
const STRINGS: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

#[test]
fn no_random_string_is_accepted_and_none_panics() {
    let mut chance = Chance(20_200_203);
    let good = issuer().sign(&health_code()).unwrap();
    for turn in 0..STRINGS {
        let string = string(turn, &good, &mut chance);
        let read = catch_unwind(AssertUnwindSafe(|| verify(&string, NOW)));
        assert!(matches!(read, Ok(Err(_))), "{turn}: {string:?}: {read:?}");
    }
}

/// From noise to all but a code: each kind gets further than the one before.
fn string(turn: usize, good: &str, chance: &mut Chance) -> Vec<u8> {
    let length = chance.below(220);
    match turn % 10 {
        0 | 1 => chance.bytes(length),
        2 | 3 => [&b"MSC:"[..], &chance.bytes(length)[..]].concat(),
        4 | 5 => {
            let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
            let tail: Vec<u8> = (0..length).map(|_| alphabet[chance.below(45)]).collect();
            [&b"MSC:"[..], &tail[..]].concat()
        }
        6 | 7 => {
            let mut bytes = chance.bytes(1 + length);
            bytes[0] = 1;
            text(&bytes).into_bytes()
        }
        8 => {
            let mut changed = good.to_owned().into_bytes();
            for _ in 0..1 + chance.below(4) {
                let at = chance.below(changed.len());
                changed[at] ^= 1 + chance.below(255) as u8;
            }
            match changed == good.as_bytes() {
                true => Vec::new(),
                false => changed,
            }
        }
        _ => {
            let mut bytes = vec![1, 1, 0, 0, 0, 1];
            bytes.extend(chance.bytes(89 + length % 21));
            text(&bytes).into_bytes()
        }
    }
}
