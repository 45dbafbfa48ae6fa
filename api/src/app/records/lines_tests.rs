//! The reader of lines beside a plain one: encodings, quotes, and bytes of any kind.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// Hands out a few bytes at a time.
struct Dripping(Cursor<Vec<u8>>, usize);

impl Read for Dripping {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(self.1);
        self.0.read(&mut out[..n])
    }
}

type Read1 = Result<Vec<String>, &'static str>;

fn all(bytes: &[u8], at_once: usize) -> (Vec<Read1>, FileEncoding) {
    let mut lines = Lines::new(Dripping(Cursor::new(bytes.to_vec()), at_once));
    let (mut splitter, mut found) = (Splitter::new(), Vec::new());
    while let Some(line) = lines.read_line().expect("reads") {
        found.push(line.and_then(|line| splitter.fields(&line)).map_err(|fault| fault.code));
    }
    assert_eq!(lines.number(), found.len() as u64);
    (found, lines.encoding())
}

/// The same by the plainest means: the whole text, character by character.
fn naive(text: &str) -> Vec<Read1> {
    let even = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = even.split('\n').collect();
    if lines.last() == Some(&"") {
        lines.pop();
    }
    lines.into_iter().map(naive_line).collect()
}

fn naive_line(line: &str) -> Read1 {
    if line.is_empty() {
        return Ok(Vec::new());
    }
    let (mut fields, mut field, mut chars) = (Vec::new(), String::new(), line.chars().peekable());
    let (mut quoted, mut started) = (false, false);
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if !started => quoted = true,
            ',' if !quoted => {
                fields.push(std::mem::take(&mut field));
                started = false;
                continue;
            }
            c => field.push(c),
        }
        started = true;
    }
    fields.push(field);
    if quoted { Err("quote_open") } else { Ok(fields) }
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(",".to_owned()),
        Just("\"".to_owned()),
        Just("\"\"".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        "[ a-z0-9=+@'-]{0,6}",
        "[王李张刘陈杨赵黄周吴码上龘]{1,4}",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn lines_and_fields_are_those_of_the_plain_reader(text in texts(), at_once in 1..40_usize) {
        let expected = naive(&text);
        prop_assert_eq!(&all(text.as_bytes(), at_once).0, &expected);
        let marked = [BOM, text.as_bytes()].concat();
        prop_assert_eq!(all(&marked, at_once), (expected.clone(), FileEncoding::MarkedUtf8));
        let (gbk, _, lossy) = encoding_rs::GB18030.encode(&text);
        prop_assert!(!lossy);
        // Two short words may be valid in both encodings; nobody can tell those.
        if std::str::from_utf8(&gbk).is_err() {
            prop_assert_eq!(all(&gbk, at_once), (expected, FileEncoding::Gb18030));
        }
    }

    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..400), at_once in 1..40_usize) {
        all(&bytes, at_once);
    }
}

#[test]
fn the_encoding_is_told_from_the_first_line_beyond_ascii() {
    let ascii = "1,2\n".repeat(20_000);
    let with = |line: &[u8]| [ascii.as_bytes(), line].concat();
    assert_eq!(all(ascii.as_bytes(), 5_000).1, FileEncoding::Utf8);
    assert_eq!(all(&with("王\n".as_bytes()), 5_000).1, FileEncoding::Utf8);
    let (found, encoding) = all(&with(b"\xcd\xf5,\xd0\xa1\xc3\xf7\n"), 5_000);
    assert_eq!(encoding, FileEncoding::Gb18030);
    assert_eq!(found.last(), Some(&Ok(vec!["王".to_owned(), "小明".to_owned()])));
    // Many characters of three bytes, so that the window ends within one.
    let long = "王\n".repeat(17_000);
    for shift in ["", "a", "ab"] {
        assert_eq!(all(format!("{shift}{long}").as_bytes(), 5_000).1, FileEncoding::Utf8);
    }
}

#[test]
fn a_quote_or_a_line_without_end_costs_no_other_line() {
    let (found, _) = all(b"a,\"b\n\"c\",d\n", 7);
    assert_eq!(found, [Err("quote_open"), Ok(vec!["c".to_owned(), "d".to_owned()])]);
    let endless = format!("{}\nc\n", "x".repeat(3 * LONGEST));
    let (found, _) = all(endless.as_bytes(), 1_000);
    assert_eq!(found, [Err("line_too_long"), Ok(vec!["c".to_owned()])]);
    assert_eq!(all(b"a\n\xff\nb", 1).0.len(), 3);
}
