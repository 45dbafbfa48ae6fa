//! The bytes of a code and its text: the one place that reading and signing share.
//!
//! ```text
//! 0 version  1 purpose  2 key id (4)  6 issued (4)  10 expires (4)  14 token id (16)  30 colour  31 payload (0-20)
//! and the signature (64); numbers are big-endian
//! ```

use crate::base45;
use crate::keys::KeyId;
use crate::refusal::{Flaw, Refusal};
use crate::token::{Colour, MAX_PAYLOAD, Payload, Purpose, Token, TokenId};

/// What each code begins with.
pub const PREFIX: &str = "MSC:";
/// The version of the format that this crate reads and writes.
pub const VERSION: u8 = 1;
/// Characters of the longest code.
pub const MAX_TEXT: usize = PREFIX.len() + base45::length(MAX_BYTES);

/// Signed in front of the bytes, so that a signature made for anything else is none for a code.
const CONTEXT: &[u8; 12] = b"mashang-code";
const HEAD: usize = 31;
const SIGNATURE: usize = 64;
const MIN_BYTES: usize = HEAD + SIGNATURE;
const MAX_BYTES: usize = MIN_BYTES + MAX_PAYLOAD;

/// The bytes before the payload, by field.
struct Head {
    purpose: u8,
    key: KeyId,
    issued_at: u32,
    expires_at: u32,
    id: TokenId,
    colour: u8,
}

impl Head {
    fn read(bytes: &[u8; HEAD]) -> Head {
        let [_, purpose, k0, k1, k2, k3, i0, i1, i2, i3, e0, e1, e2, e3, id @ .., colour] = *bytes;
        Head {
            purpose,
            key: KeyId(u32::from_be_bytes([k0, k1, k2, k3])),
            issued_at: u32::from_be_bytes([i0, i1, i2, i3]),
            expires_at: u32::from_be_bytes([e0, e1, e2, e3]),
            id: TokenId(id),
            colour,
        }
    }

    #[cfg(feature = "sign")]
    fn write(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[0] = VERSION;
        bytes[1] = self.purpose;
        bytes[2..6].copy_from_slice(&self.key.0.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.issued_at.to_be_bytes());
        bytes[10..14].copy_from_slice(&self.expires_at.to_be_bytes());
        bytes[14..30].copy_from_slice(&self.id.0);
        bytes[30] = self.colour;
        bytes
    }
}

/// A code as it was read: nothing in it may be believed before its signature is checked.
pub(crate) struct Envelope {
    /// The context, then the bytes of the code.
    buffer: [u8; CONTEXT.len() + MAX_BYTES],
    end: usize,
    head: Head,
}

impl Envelope {
    /// Reads a text. The version comes first: a later one may have other lengths.
    pub(crate) fn read(text: &[u8]) -> Result<Envelope, Refusal> {
        let text = text.strip_prefix(PREFIX.as_bytes()).ok_or(Refusal::Malformed(Flaw::Prefix))?;
        let first = text.first_chunk::<3>().ok_or(Refusal::Malformed(Flaw::Length))?;
        let [version, _] = base45::pair(first).map_err(Refusal::Malformed)?;
        if version != VERSION {
            return Err(Refusal::UnknownVersion(version));
        }
        if !(base45::length(MIN_BYTES)..=base45::length(MAX_BYTES)).contains(&text.len()) {
            return Err(Refusal::Malformed(Flaw::Length));
        }
        let mut buffer = [0; CONTEXT.len() + MAX_BYTES];
        let (context, bytes) = buffer.split_at_mut(CONTEXT.len());
        context.copy_from_slice(CONTEXT);
        let length = base45::decode(text, bytes).map_err(Refusal::Malformed)?;
        let head = Head::read(bytes.first_chunk().ok_or(Refusal::Malformed(Flaw::Length))?);
        Ok(Envelope { buffer, end: CONTEXT.len() + length, head })
    }

    pub(crate) fn key(&self) -> KeyId {
        self.head.key
    }

    /// What is signed, and the signature.
    pub(crate) fn signed(&self) -> (&[u8], [u8; SIGNATURE]) {
        let (message, signature) = self.buffer[..self.end].split_at(self.end - SIGNATURE);
        let mut copy = [0; SIGNATURE];
        copy.copy_from_slice(signature);
        (message, copy)
    }

    /// The number of the purpose, which may be one of a later release.
    pub(crate) fn purpose(&self) -> u8 {
        self.head.purpose
    }

    pub(crate) fn issued_at(&self) -> u32 {
        self.head.issued_at
    }

    /// The fields, for a purpose that is known.
    pub(crate) fn token(&self, purpose: Purpose) -> Result<Token, Flaw> {
        let payload = &self.buffer[CONTEXT.len() + HEAD..self.end - SIGNATURE];
        let token = Token {
            purpose,
            issued_at: self.head.issued_at,
            expires_at: self.head.expires_at,
            id: self.head.id,
            colour: Colour::from_number(self.head.colour)?,
            payload: Payload::new(payload).ok_or(Flaw::Length)?,
        };
        token.check().map(|()| token)
    }
}

/// The text of a token whose rules were checked; `sign` gets the message and returns the signature.
#[cfg(feature = "sign")]
pub(crate) fn write(token: &Token, key: KeyId, sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE]) -> String {
    let head = Head {
        purpose: token.purpose.number(),
        key,
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        id: token.id,
        colour: token.colour.map_or(0, Colour::number),
    };
    let mut message = Vec::with_capacity(CONTEXT.len() + MAX_BYTES);
    message.extend_from_slice(CONTEXT);
    message.extend_from_slice(&head.write());
    message.extend_from_slice(token.payload.as_bytes());
    let signature = sign(&message);
    message.extend_from_slice(&signature);
    let mut text = String::with_capacity(MAX_TEXT);
    text.push_str(PREFIX);
    base45::encode(&message[CONTEXT.len()..], &mut text);
    text
}
