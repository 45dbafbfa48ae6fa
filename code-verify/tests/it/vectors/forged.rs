//! Bytes that only somebody who knows the curve would make.

use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::SigningKey;
use mashang_code_verify::Token;
use sha2::{Digest, Sha512};

use crate::support::{SEED, head, signed};

/// The order of the group, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A good code whose signature has the order of the group added to its scalar: the same number to a careless reader.
pub fn wrapped_scalar(token: &Token) -> Vec<u8> {
    let mut bytes = signed(&head(token), &SEED);
    let at = bytes.len() - 32;
    let mut carry = 0;
    for (byte, add) in bytes[at..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    bytes
}

/// A code signed with the right key, but with the neutral point as its nonce.
pub fn small_order_nonce(token: &Token) -> Vec<u8> {
    let key = SigningKey::from_bytes(&SEED);
    let bytes = head(token);
    let mut nonce = [0; 32];
    nonce[0] = 1;
    let hash = Sha512::new()
        .chain_update(nonce)
        .chain_update(key.verifying_key().to_bytes())
        .chain_update("mashang-code");
    let k = Scalar::from_bytes_mod_order_wide(&hash.chain_update(&bytes).finalize().into());
    let scalar = (k * key.to_scalar()).to_bytes();
    [&bytes[..], &nonce, &scalar].concat()
}

/// Points of small order, one that is spelled with a number above the prime, and one that is not on the curve.
pub fn unusable_keys() -> Vec<[u8; 32]> {
    let filled = |first: u8, middle: u8, last: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    vec![
        filled(1, 0, 0),          // the neutral point
        filled(0xec, 0xff, 0x7f), // order 2
        filled(0, 0, 0),          // order 4
        filled(0xee, 0xff, 0x7f), // the neutral point again: 1 + p
        filled(0xf1, 0xff, 0x7f), // 4 + p, where 4 would be a point of full order
        filled(2, 0, 0),          // no point
    ]
}
