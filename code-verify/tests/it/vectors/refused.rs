//! The vectors that are refused.

use mashang_code_verify::{Payload, Purpose, Token};

use super::Case;
use super::cases::signed_by;
use super::forged::{small_order_nonce, wrapped_scalar};
use crate::support::{NOW, SEED, head, health_code, signed, text};

/// Refused by what they are, whoever signed them.
pub(super) fn text_flaws() -> Vec<Case> {
    let code = signed_by(1, &health_code());
    let even = signed_by(1, &Token { payload: Payload::new(&[0]).unwrap(), ..health_code() });
    let bytes = signed(&head(&health_code()), &SEED);
    let malformed = |name, text: String, flaw| Case::refused(name, text, "malformed").flaw(flaw);
    let wide = [&bytes[..31], &[0; 21], &bytes[31..]].concat();
    let mut later = bytes.clone();
    later[0] = 2;
    let mut earlier = bytes.clone();
    earlier[0] = 0;
    vec![
        malformed("nothing", String::new(), "prefix"),
        malformed("a prefix in lower case", code.replacen("MSC", "msc", 1), "prefix"),
        malformed("a space in front", format!(" {code}"), "prefix"),
        malformed("the prefix alone", "MSC:".into(), "length"),
        malformed("two characters", "MSC:10".into(), "length"),
        malformed("one byte too short", text(&bytes[..94]), "length"),
        malformed("one character too short", code[..code.len() - 1].into(), "length"),
        malformed("one character too long", format!("{even}0"), "length"),
        malformed("a line feed at the end", format!("{code}\n"), "alphabet"),
        malformed("a line feed at the end of an even number of bytes", format!("{even}\n"), "length"),
        Case::refused("one character more, which is another last group", format!("{code}0"), "bad_signature"),
        malformed("one byte too long", text(&wide), "length"),
        malformed("lower case", format!("MSC:{}", code[4..].to_lowercase()), "alphabet"),
        malformed(
            "too short, and lower case",
            format!("{}{}", &code[..7], code[7..40].to_lowercase()),
            "length",
        ),
        malformed("a character outside at the end", format!("{}=", &code[..code.len() - 1]), "alphabet"),
        malformed("a group above 65,535", format!("{}:::{}", &code[..10], &code[13..]), "group"),
        malformed("the first group above 65,535", format!("MSC::::{}", &code[7..]), "group"),
        malformed("a last group above 255", format!("{}::", &code[..code.len() - 2]), "group"),
        Case::refused("a later version", text(&later), "unknown_version").number(2),
        Case::refused("a later version of another length", text(&later[..40]), "unknown_version").number(2),
        Case::refused("version 0", text(&earlier), "unknown_version").number(0),
    ]
}

/// Well formed, and refused by the key, the signature, or what is signed.
pub(super) fn signed_but_refused() -> Vec<Case> {
    let code = health_code();
    let good = signed_by(1, &code);
    let raw = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = head(&code);
        change(&mut bytes);
        text(&signed(&bytes, &SEED))
    };
    let life = |purpose: u8, seconds: u32| {
        raw(&|b| {
            b[1] = purpose;
            b[10..14].copy_from_slice(&(NOW + seconds).to_be_bytes());
        })
    };
    let mut flipped = signed(&head(&code), &SEED);
    flipped[30] = 2;
    let mut without_context = head(&code);
    without_context.extend({
        use ed25519_dalek::Signer;
        ed25519_dalek::SigningKey::from_bytes(&SEED).sign(&without_context).to_bytes()
    });
    let early = Token { issued_at: NOW - 1, ..code };
    let late = Token { issued_at: NOW + 3600, expires_at: NOW + 3660, ..code };
    let pass = Token { purpose: Purpose::ExitPass, payload: Payload::new(b"gate").unwrap(), ..code };
    let malformed = |name, text: String, flaw| Case::refused(name, text, "malformed").flaw(flaw);
    vec![
        Case::refused("a key that is not held", signed_by(9, &code), "unknown_key").number(9),
        Case::refused("another key under this id", text(&signed(&head(&code), &[2; 32])), "bad_signature"),
        Case::refused("a changed colour", text(&flipped), "bad_signature"),
        Case::refused("signed without the context", text(&without_context), "bad_signature"),
        Case::refused("a scalar above the order", text(&wrapped_scalar(&code)), "bad_signature"),
        Case::refused("a nonce of small order", text(&small_order_nonce(&code)), "bad_signature"),
        Case::refused("before the key was in use", signed_by(2, &early), "key_not_in_use").number(2),
        Case::refused("after the key was in use", signed_by(1, &late), "key_not_in_use")
            .number(1)
            .at(NOW + 3600, 0),
        Case::refused("for another purpose", signed_by(1, &pass), "wrong_purpose")
            .number(2)
            .gate_for(&[Purpose::HealthCode, Purpose::PrintedPass]),
        Case::refused("for a purpose of a later release", raw(&|b| b[1] = 200), "wrong_purpose").number(200),
        malformed("an unknown colour", raw(&|b| b[30] = 5), "colour"),
        malformed("a health code without colour", raw(&|b| b[30] = 0), "colour"),
        malformed("an empty life", life(1, 0), "life"),
        malformed("an end before the begin", raw(&|b| b[10..14].copy_from_slice(&[0; 4])), "life"),
        malformed("a health code of 301 s", life(1, 301), "life"),
        malformed("an exit pass of 301 s", life(2, 301), "life"),
        malformed("a printed pass of more than 31 days", life(3, 31 * 86_400 + 1), "life"),
        malformed("a certificate of more than 366 days", life(4, 366 * 86_400 + 1), "life"),
        Case::refused("a second too early", good.clone(), "not_yet_valid").seconds(1).at(NOW - 1, 0),
        Case::refused("too early for the allowance", good.clone(), "not_yet_valid")
            .seconds(31)
            .at(NOW - 31, 30),
        Case::refused("at the very end", good.clone(), "expired").seconds(0).at(NOW + 60, 0),
        Case::refused("a second late", good.clone(), "expired").seconds(1).at(NOW + 61, 0),
        Case::refused("too late for the allowance", good.clone(), "expired").seconds(30).at(NOW + 90, 30),
        Case::refused("denied", good.clone(), "denied").denied(code.id.0),
        Case::refused("denied and expired", good, "expired").seconds(0).at(NOW + 60, 0).denied(code.id.0),
    ]
}
