//! Base45 (RFC 9285): two bytes are three characters of the alphanumeric mode of QR symbols, a last single byte is two.
//!
//! Within the ranges that are checked here each text stands for one byte string and each byte string has one text.

use crate::refusal::Flaw;

const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const OUTSIDE: u8 = u8::MAX;
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [OUTSIDE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
}

/// Characters of so many bytes.
pub(crate) const fn length(bytes: usize) -> usize {
    bytes / 2 * 3 + bytes % 2 * 2
}

/// The number that a group of characters stands for, the lowest digit first.
fn number(group: &[u8]) -> Result<u32, Flaw> {
    group.iter().rev().try_fold(0, |number, character| match VALUES[usize::from(*character)] {
        OUTSIDE => Err(Flaw::Alphabet),
        value => Ok(number * 45 + u32::from(value)),
    })
}

/// The two bytes of a full group of three characters.
pub(crate) fn pair(group: &[u8; 3]) -> Result<[u8; 2], Flaw> {
    u16::try_from(number(group)?).map(u16::to_be_bytes).map_err(|_| Flaw::Group)
}

/// Decodes `text` to the front of `out` and returns the number of bytes; refuses what does not fit.
pub(crate) fn decode(text: &[u8], out: &mut [u8]) -> Result<usize, Flaw> {
    let (groups, last) = text.as_chunks::<3>();
    let length = groups.len() * 2 + usize::from(!last.is_empty());
    let out = out.get_mut(..length).filter(|_| last.len() != 1).ok_or(Flaw::Length)?;
    let (pairs, single) = out.as_chunks_mut::<2>();
    for (group, bytes) in groups.iter().zip(pairs) {
        *bytes = pair(group)?;
    }
    if let [byte] = single {
        *byte = u8::try_from(number(last)?).map_err(|_| Flaw::Group)?;
    }
    Ok(length)
}

/// Appends the text of `bytes` to `text`.
#[cfg(feature = "sign")]
pub(crate) fn encode(bytes: &[u8], text: &mut String) {
    for chunk in bytes.chunks(2) {
        let mut number = chunk.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        for _ in 0..=chunk.len() {
            text.push(char::from(ALPHABET[number % 45]));
            number /= 45;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9285, sections 4.3 and 4.4.
    #[test]
    fn the_examples_of_the_standard_hold() {
        for (bytes, text) in [
            (&b"AB"[..], "BB8"),
            (b"Hello!!", "%69 VD92EX0"),
            (b"base-45", "UJCLQE7W581"),
            (b"ietf!", "QED8WEX0"),
        ] {
            let mut encoded = String::new();
            encode(bytes, &mut encoded);
            assert_eq!(encoded, text);
            let mut out = [0; 8];
            let length = decode(text.as_bytes(), &mut out).unwrap();
            assert_eq!(&out[..length], bytes);
        }
    }

    #[test]
    fn what_stands_for_no_bytes_is_refused() {
        let mut out = [0; 4];
        for (text, flaw) in [
            ("A", Flaw::Length),
            ("BB8A", Flaw::Length),
            ("BB8BB8BB", Flaw::Length), // five bytes into four
            ("bb8", Flaw::Alphabet),
            ("BB8=", Flaw::Length),
            ("BB=", Flaw::Alphabet),
            ("GGW", Flaw::Group), // 65,536
            ("V5", Flaw::Group),  // 256
        ] {
            assert_eq!(decode(text.as_bytes(), &mut out), Err(flaw), "{text}");
        }
        assert_eq!(decode(b"FGW", &mut out), Ok(2));
        assert_eq!(out[..2], [255, 255]);
        assert_eq!(decode(b"U5", &mut out), Ok(1));
        assert_eq!(out[0], 255);
    }
}
