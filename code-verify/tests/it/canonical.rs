//! One token has one text; whatever else would decode to the same is refused.

use mashang_code_verify::{Flaw, Refusal};

use crate::support::{NOW, SEED, head, issuer, signed, text, tokens, verify};

#[test]
fn no_other_spelling_is_accepted() {
    for code in tokens().iter().map(|t| issuer().sign(t).unwrap()) {
        let prefixed = |p: &str| code.replacen("MSC:", p, 1);
        for other in [
            code.to_lowercase(),
            prefixed("msc:"),
            prefixed("Msc:"),
            prefixed("MSC1:"),
            prefixed("MSC"),
            prefixed(""),
            format!("https://example.org/{code}"),
        ] {
            assert!(matches!(verify(&other, NOW), Err(Refusal::Malformed(_))), "{other}");
        }
        for byte in 0..=u8::MAX {
            let after = [code.as_bytes(), &[byte]].concat();
            let before = [&[byte], code.as_bytes()].concat();
            assert!(verify(after, NOW).is_err(), "{code} and {byte:#x}");
            assert_eq!(verify(before, NOW), Err(Refusal::Malformed(Flaw::Prefix)), "{byte:#x} and {code}");
        }
        for padding in ["=", "==", "\n", "\r\n", "\0\0\0", "000", "   "] {
            assert!(verify(format!("{code}{padding}"), NOW).is_err(), "{code}{padding:?}");
        }
    }
}

/// Groups above 65,535 and 255 would wrap to the same bytes in a careless reader.
#[test]
fn a_group_that_wraps_is_refused() {
    let bytes = signed(&head(&tokens()[0]), &SEED);
    let code = text(&bytes);
    let mut wrapped = code.clone().into_bytes();
    let last = wrapped.len();
    wrapped[last - 2..].copy_from_slice(&spelled(u32::from(bytes[94]) + 256));
    assert_eq!(verify(&wrapped, NOW), Err(Refusal::Malformed(Flaw::Group)));
    let at = (0..bytes.len() - 1).step_by(2).skip(1).find(|i| bytes[*i] < 90).unwrap();
    let number = u32::from(bytes[at]) * 256 + u32::from(bytes[at + 1]) + 65_536;
    let mut wrapped = code.into_bytes();
    let place = 4 + at / 2 * 3;
    let [low, middle] = spelled(number % 2025);
    wrapped[place..place + 3].copy_from_slice(&[low, middle, spelled(number / 2025)[0]]);
    assert_eq!(verify(&wrapped, NOW), Err(Refusal::Malformed(Flaw::Group)));
}

fn spelled(number: u32) -> [u8; 2] {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    [alphabet[number as usize % 45], alphabet[number as usize / 45]]
}

/// Readers that trim what they scanned do no harm.
#[test]
fn no_text_begins_or_ends_with_a_space() {
    for last in 0..=u8::MAX {
        for bytes in [vec![1, last], vec![1, 2, last]] {
            assert!(!text(&bytes).ends_with(' '));
        }
    }
    for pair in 0..=u16::MAX {
        assert!(!text(&pair.to_be_bytes()).ends_with(' '));
    }
}
