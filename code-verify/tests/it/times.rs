//! The second in which a code begins and ends, with and without an allowance.

use mashang_code_verify::{DenyList, Purpose, Refusal, Token, Verifier};

use crate::support::{NOW, health_code, issuer, keys, tokens};

fn at(token: &Token, skew: u32, now: u64) -> Result<(), Refusal> {
    let gate = Verifier::new(keys(), Purpose::ALL, skew);
    gate.verify(issuer().sign(token).unwrap(), now, &DenyList::default())
        .map(|read| assert_eq!(read.token, *token))
}

#[test]
fn a_code_is_good_from_its_first_second_to_its_last() {
    for token in tokens() {
        let (issued, expires) = (u64::from(token.issued_at), u64::from(token.expires_at));
        for skew in [0, 1, 30] {
            let allowed = u64::from(skew);
            for (now, expected) in [
                (issued - allowed - 1, Err(Refusal::NotYetValid { seconds: allowed + 1 })),
                (issued - allowed, Ok(())),
                (issued, Ok(())),
                (expires - 1, Ok(())),
                (expires + allowed - 1, Ok(())),
                (expires + allowed, Err(Refusal::Expired { seconds: allowed })),
                (expires + allowed + 1, Err(Refusal::Expired { seconds: allowed + 1 })),
                (expires + 86_400, Err(Refusal::Expired { seconds: 86_400 })),
            ] {
                assert_eq!(at(&token, skew, now), expected, "{token:?}, skew {skew}, now {now}");
            }
        }
    }
}

#[test]
fn a_phone_code_lives_for_sixty_seconds() {
    let good: Vec<u32> =
        (NOW - 100..NOW + 200).filter(|s| at(&health_code(), 0, (*s).into()).is_ok()).collect();
    assert_eq!(good, (NOW..NOW + 60).collect::<Vec<_>>());
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let last = Token { issued_at: u32::MAX - 60, expires_at: u32::MAX, ..health_code() };
    let first = Token { issued_at: 0, expires_at: 60, ..health_code() };
    for skew in [0, u32::MAX] {
        assert_eq!(at(&first, skew, 0), Ok(()));
        assert_eq!(at(&last, skew, u64::from(u32::MAX) - 1), Ok(()));
        let seconds = u64::MAX - u64::from(u32::MAX);
        assert_eq!(at(&last, skew, u64::MAX), Err(Refusal::Expired { seconds }));
    }
    assert_eq!(at(&last, 0, 0), Err(Refusal::NotYetValid { seconds: u64::from(u32::MAX) - 60 }));
}
