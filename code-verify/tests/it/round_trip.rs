//! What is written is read as it was; what no gate would accept is not written.

use mashang_code_verify::{
    Colour, DenyList, Flaw, IssuerKey, KeyId, KeySet, MAX_PAYLOAD, MAX_TEXT, Payload, Purpose, Token,
    TokenId, Unsignable, Verified, Verifier,
};
use proptest::prelude::*;

use crate::support::{head, health_code, issuer, signed, text, tokens};

fn purposes() -> impl Strategy<Value = (Purpose, u32)> {
    proptest::sample::select(Purpose::ALL.to_vec())
        .prop_flat_map(|purpose| (Just(purpose), 1..=purpose.longest_life()))
}

prop_compose! {
    fn any_token()(
        (purpose, life) in purposes(),
        issued_at in 0..u32::MAX - 366 * 86_400,
        id in any::<[u8; 16]>(),
        colour in proptest::sample::select(Colour::ALL.to_vec()),
        coloured in any::<bool>(),
        payload in proptest::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD),
    ) -> Token {
        Token {
            purpose,
            issued_at,
            expires_at: issued_at + life,
            id: TokenId(id),
            colour: Some(colour).filter(|_| coloured || purpose == Purpose::HealthCode),
            payload: Payload::new(&payload).unwrap(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_signed_is_read_as_it_was(
        token in any_token(),
        seed in any::<[u8; 32]>(),
        id in any::<u32>(),
        second in any::<prop::sample::Index>(),
    ) {
        let issuer = IssuerKey::new(KeyId(id), &seed);
        let code = issuer.sign(&token).unwrap();
        prop_assert!(code.len() <= MAX_TEXT);
        let keys = KeySet::new([issuer.public(0..u32::MAX).unwrap()]).unwrap();
        let now = token.issued_at + second.index((token.expires_at - token.issued_at) as usize) as u32;
        let read = Verifier::new(keys, Purpose::ALL, 0).verify(&code, now.into(), &DenyList::default());
        prop_assert_eq!(read, Ok(Verified { token, key: KeyId(id) }));
    }
}

#[test]
fn a_second_writer_writes_the_same() {
    for token in tokens() {
        assert_eq!(issuer().sign(&token).unwrap(), text(&signed(&head(&token), &crate::support::SEED)));
    }
}

#[test]
fn what_no_gate_accepts_is_not_signed() {
    let token = health_code();
    for (wrong, flaw) in [
        (Token { colour: None, ..token }, Flaw::Colour),
        (Token { expires_at: token.issued_at, ..token }, Flaw::Life),
        (Token { expires_at: token.issued_at - 1, ..token }, Flaw::Life),
        (Token { expires_at: token.issued_at + 301, ..token }, Flaw::Life),
        (
            Token { purpose: Purpose::PrintedPass, expires_at: token.issued_at + 31 * 86_400 + 1, ..token },
            Flaw::Life,
        ),
    ] {
        assert_eq!(issuer().sign(&wrong), Err(Unsignable(flaw)), "{wrong:?}");
    }
    assert_eq!(Payload::new(&[0; MAX_PAYLOAD + 1]), None);
}

#[test]
fn debug_shows_no_key_and_no_payload() {
    let token = Token { payload: Payload::new(b"secret").unwrap(), ..health_code() };
    assert_eq!(format!("{:?}", issuer()), "IssuerKey(00000001)");
    assert!(format!("{token:?}").contains("payload: Payload(6 bytes)"));
}
