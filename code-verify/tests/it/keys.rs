//! Whose signature counts, for what, and what a list takes back.

use ed25519_dalek::{Signature, VerifyingKey};
use mashang_code_verify::{
    DenyList, IssuerKey, KeyError, KeyId, KeySet, PublicKey, Purpose, Refusal, Token, TokenId, Verifier,
};

use crate::support::{KEY, NOW, SEED, health_code, issuer, tokens, verify};
use crate::vectors::forged::{small_order_nonce, wrapped_scalar};

#[test]
fn another_key_under_the_same_id_is_refused() {
    for token in tokens() {
        let code = IssuerKey::new(KEY, &[2; 32]).sign(&token).unwrap();
        assert_eq!(verify(code, NOW), Err(Refusal::BadSignature));
    }
}

#[test]
fn an_unknown_key_is_refused_by_its_id() {
    let code = IssuerKey::new(KeyId(9), &SEED).sign(&health_code()).unwrap();
    assert_eq!(verify(&code, NOW), Err(Refusal::UnknownKey(KeyId(9))));
    let nobody = Verifier::new(KeySet::default(), Purpose::ALL, 0);
    assert_eq!(nobody.verify(code, NOW.into(), &DenyList::default()), Err(Refusal::UnknownKey(KeyId(9))));
}

/// The old key signs until `NOW + 3600`, the new one from `NOW`: for an hour both do.
#[test]
fn keys_rotate_with_an_overlap() {
    let (old, new) = (IssuerKey::new(KeyId(1), &[1; 32]), IssuerKey::new(KeyId(2), &[2; 32]));
    let keys = KeySet::new([new.public(NOW..u32::MAX).unwrap(), old.public(0..NOW + 3600).unwrap()]).unwrap();
    let gate = Verifier::new(keys, Purpose::ALL, 0);
    let pass = |issued_at| Token {
        purpose: Purpose::PrintedPass,
        issued_at,
        expires_at: issued_at + 86_400,
        ..health_code()
    };
    for (key, issued_at, expected) in [
        (&old, NOW - 1, Ok(())),
        (&new, NOW - 1, Err(Refusal::KeyNotInUse(KeyId(2)))),
        (&old, NOW, Ok(())),
        (&new, NOW, Ok(())),
        (&old, NOW + 3599, Ok(())),
        (&old, NOW + 3600, Err(Refusal::KeyNotInUse(KeyId(1)))),
        (&new, NOW + 3600, Ok(())),
    ] {
        let code = key.sign(&pass(issued_at)).unwrap();
        // Long after the old key was replaced, its passes are still good.
        for later in [0, 86_399] {
            let read = gate.verify(&code, u64::from(issued_at) + later, &DenyList::default());
            assert_eq!(read.map(|_| ()), expected, "{key:?} at {issued_at}");
        }
    }
}

#[test]
fn a_purpose_that_the_gate_was_not_set_up_for_is_refused() {
    for token in tokens() {
        let code = issuer().sign(&token).unwrap();
        for accepted in Purpose::ALL {
            let gate = Verifier::new(crate::support::keys(), [accepted], 0);
            let read = gate.verify(&code, NOW.into(), &DenyList::default());
            match accepted == token.purpose {
                true => assert_eq!(read.unwrap().token, token),
                false => assert_eq!(read, Err(Refusal::WrongPurpose(token.purpose.number()))),
            }
        }
    }
}

#[test]
fn a_denied_id_is_refused_and_no_other() {
    let token = health_code();
    let code = issuer().sign(&token).unwrap();
    let mut near = token.id.0;
    near[15] ^= 1;
    let others: DenyList = [TokenId(near), TokenId([255; 16]), TokenId([0; 16])].into_iter().collect();
    let gate = crate::support::gate();
    assert_eq!(gate.verify(&code, NOW.into(), &others).unwrap().token, token);
    let denied: DenyList = [TokenId(near), token.id, TokenId([0; 16])].into_iter().collect();
    assert_eq!(gate.verify(&code, NOW.into(), &denied), Err(Refusal::Denied));
}

#[test]
fn keys_under_which_anybody_can_sign_are_not_taken() {
    for bytes in crate::vectors::forged::unusable_keys() {
        let refused = PublicKey::new(KEY, &bytes, 0..1).map(|_| ());
        assert_eq!(refused, Err(KeyError::Unusable(KEY)), "{bytes:02x?}");
    }
    let twice = [issuer().public(0..1).unwrap(), IssuerKey::new(KEY, &[2; 32]).public(0..1).unwrap()];
    assert_eq!(KeySet::new(twice).map(|_| ()).unwrap_err(), KeyError::Twice(KEY));
}

/// The forms that RFC 8032 leaves open: a second signature from a first one, and one whose nonce is a point of small
/// order, which the plain check of the library lets pass.
#[test]
fn the_signature_is_checked_strictly() {
    let bytes = small_order_nonce(&health_code());
    let (message, signature) = bytes.split_at(bytes.len() - 64);
    let message = [&b"mashang-code"[..], message].concat();
    let key = VerifyingKey::from_bytes(&issuer().public_bytes()).unwrap();
    let signature = Signature::from_slice(signature).unwrap();
    use ed25519_dalek::Verifier as _;
    assert!(key.verify(&message, &signature).is_ok(), "a forgery that a lax reader accepts");
    assert_eq!(verify(crate::support::text(&bytes), NOW), Err(Refusal::BadSignature));
    let again = crate::support::text(&wrapped_scalar(&health_code()));
    assert_eq!(verify(again, NOW), Err(Refusal::BadSignature));
}
