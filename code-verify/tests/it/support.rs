//! Issuers, tokens, a gate that accepts everything, and a second writer that also writes what the crate would not.

use ed25519_dalek::{Signer, SigningKey};
use mashang_code_verify::{
    Colour, DenyList, IssuerKey, KeyId, KeySet, Payload, Purpose, Refusal, Token, TokenId, Verified, Verifier,
};

/// 2026-02-03T00:00:00Z.
pub const NOW: u32 = 1_770_076_800;
pub const SEED: [u8; 32] = [1; 32];
pub const KEY: KeyId = KeyId(1);

pub fn issuer() -> IssuerKey {
    IssuerKey::new(KEY, &SEED)
}

pub fn keys() -> KeySet {
    KeySet::new([issuer().public(0..u32::MAX).unwrap()]).unwrap()
}

/// A gate with the one key, any purpose and no allowance.
pub fn gate() -> Verifier {
    Verifier::new(keys(), Purpose::ALL, 0)
}

pub fn verify(text: impl AsRef<[u8]>, now: u32) -> Result<Verified, Refusal> {
    gate().verify(text, now.into(), &DenyList::default())
}

/// A health code of 60 s.
pub fn health_code() -> Token {
    Token {
        purpose: Purpose::HealthCode,
        issued_at: NOW,
        expires_at: NOW + 60,
        id: TokenId(std::array::from_fn(|i| 0xa0 + i as u8)),
        colour: Some(Colour::Green),
        payload: Payload::default(),
    }
}

/// Tokens of each purpose and of even and odd lengths, from the shortest to the longest.
pub fn tokens() -> Vec<Token> {
    let with = |purpose, life, payload: &[u8]| Token {
        purpose,
        expires_at: NOW + life,
        payload: Payload::new(payload).unwrap(),
        ..health_code()
    };
    vec![
        health_code(),
        Token { colour: Some(Colour::Red), ..with(Purpose::HealthCode, 300, "王*".as_bytes()) },
        Token { colour: None, ..with(Purpose::ExitPass, 60, &[0; 5]) },
        Token { id: TokenId([255; 16]), ..with(Purpose::PrintedPass, 86_400, &[255; 19]) },
        Token { id: TokenId([0; 16]), ..with(Purpose::Certificate, 366 * 86_400, &[7; 20]) },
    ]
}

/// The bytes that are signed of a token, written by hand.
pub fn head(token: &Token) -> Vec<u8> {
    let mut bytes = vec![1, token.purpose.number()];
    bytes.extend(KEY.0.to_be_bytes());
    bytes.extend(token.issued_at.to_be_bytes());
    bytes.extend(token.expires_at.to_be_bytes());
    bytes.extend(token.id.0);
    bytes.push(token.colour.map_or(0, Colour::number));
    bytes.extend(token.payload.as_bytes());
    bytes
}

/// Adds the signature of `seed` to any bytes.
pub fn signed(bytes: &[u8], seed: &[u8; 32]) -> Vec<u8> {
    let message = [&b"mashang-code"[..], bytes].concat();
    let signature = SigningKey::from_bytes(seed).sign(&message).to_bytes();
    [bytes, &signature].concat()
}

/// The text of any bytes.
pub fn text(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain(" $%*+-./:".chars()).collect();
    let mut text = String::from("MSC:");
    for pair in bytes.chunks(2) {
        let number = pair.iter().fold(0, |n, b| n * 256 + usize::from(*b));
        let digits = [number % 45, number / 45 % 45, number / 2025];
        text.extend(digits[..=pair.len()].iter().map(|d| alphabet[*d]));
    }
    text
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A plain generator (SplitMix64), so that a failure comes again.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}
