//! Every single-bit change, every truncation, every byte too many: refused, for tokens of each purpose and length.

use mashang_code_verify::{KeyId, Refusal};

use crate::support::{NOW, SEED, head, issuer, signed, text, tokens, verify};

#[test]
fn every_changed_bit_of_the_text_is_refused() {
    for code in tokens().iter().map(|t| issuer().sign(t).unwrap()) {
        assert!(verify(&code, NOW).is_ok());
        for bit in 0..code.len() * 8 {
            let mut changed = code.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&changed, NOW).is_err(), "bit {bit} of {code}");
        }
    }
}

/// In the bytes below the text each change is again a well-formed text, so that the signature alone stands against it.
#[test]
fn every_changed_bit_of_the_bytes_is_refused() {
    for token in tokens() {
        let bytes = signed(&head(&token), &SEED);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let expected = match bit / 8 {
                0 => Refusal::UnknownVersion(changed[0]),
                2..6 => Refusal::UnknownKey(KeyId(u32::from_be_bytes([
                    changed[2], changed[3], changed[4], changed[5],
                ]))),
                _ => Refusal::BadSignature,
            };
            assert_eq!(verify(text(&changed), NOW), Err(expected), "bit {bit} of {token:?}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for token in tokens() {
        let code = issuer().sign(&token).unwrap();
        for length in 0..code.len() {
            assert!(verify(&code[..length], NOW).is_err(), "the first {length} of {code}");
            assert!(verify(&code[code.len() - length..], NOW).is_err(), "the last {length} of {code}");
        }
        let bytes = signed(&head(&token), &SEED);
        for gap in 0..bytes.len() {
            for width in 1..=bytes.len() - gap {
                let cut = [&bytes[..gap], &bytes[gap + width..]].concat();
                // Long cuts are refused by their length; the short ones reach the signature.
                assert!(verify(text(&cut), NOW).is_err(), "{width} bytes at {gap} of {token:?}");
            }
        }
    }
}

#[test]
fn every_byte_too_many_is_refused() {
    for token in tokens() {
        let bytes = signed(&head(&token), &SEED);
        for at in 0..=bytes.len() {
            let longer = [&bytes[..at], &[bytes[at % bytes.len()]], &bytes[at..]].concat();
            assert!(verify(text(&longer), NOW).is_err(), "a byte at {at} of {token:?}");
        }
    }
}
