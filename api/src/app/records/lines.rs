//! The lines of an official file, in bounded memory: which encoding it has, where its lines end, what their fields are.
//!
//! A line is a line: a quote that is not closed costs the line it is on, and no other. Lists come out of spreadsheets, so a
//! file without a mark is UTF-8 where its text is valid UTF-8, and GB18030 (which holds GBK) else; the first 64 KiB from the
//! first line with a character beyond ASCII decide.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader};
use mashang_infra::bugs::{self, Bug};

use super::Fault;

/// Bytes by which the encoding is told.
const WINDOW: usize = 64 * 1024;
/// Longest line, in bytes.
const LONGEST: usize = 16 * 1024;
/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;
/// Fields of a line that are looked at.
const FIELDS: usize = 64;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How the bytes of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileEncoding {
    Utf8,
    /// With a byte order mark.
    MarkedUtf8,
    /// GBK among it.
    Gb18030,
}

impl FileEncoding {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::MarkedUtf8 => "utf-8-bom",
            Self::Gb18030 => "gb18030",
        }
    }
}

/// Splits a file into lines, whichever of `\n`, `\r\n` and `\r` ends them.
pub(super) struct Lines<R> {
    source: R,
    held: Vec<u8>,
    /// Where the next line begins in `held`.
    at: usize,
    ended: bool,
    begun: bool,
    after_return: bool,
    encoding: Option<FileEncoding>,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            held: Vec::new(),
            at: 0,
            ended: false,
            begun: false,
            after_return: false,
            encoding: None,
            number: 0,
        }
    }

    /// The number of the line that came last, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How the file is read; UTF-8 as long as it is ASCII.
    pub fn encoding(&self) -> FileEncoding {
        self.encoding.unwrap_or(FileEncoding::Utf8)
    }

    /// The next line without its end, or why it cannot be read; `None` at the end of the file.
    pub fn read_line(&mut self) -> io::Result<Option<Result<String, Fault>>> {
        self.begin()?;
        self.skip_second_half()?;
        let mut looked = 0;
        let length = loop {
            if let Some(end) = self.held[self.at + looked..].iter().position(|b| matches!(b, b'\n' | b'\r')) {
                break looked + end;
            }
            looked = self.held.len() - self.at;
            if looked > LONGEST {
                self.number += 1;
                return self.skip_line().map(|()| Some(Err(too_long())));
            }
            if !self.fill()? {
                if looked == 0 {
                    return Ok(None);
                }
                break looked;
            }
        };
        self.number += 1;
        if !self.held[self.at..self.at + length].is_ascii() && self.encoding.is_none() {
            self.encoding = Some(self.tell()?);
        }
        let line = &self.held[self.at..self.at + length];
        let text = if length > LONGEST { Err(too_long()) } else { decode(line, self.encoding()) };
        self.pass(length);
        Ok(Some(text))
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        while self.held.len() < BOM.len() && self.fill()? {}
        if self.held.starts_with(BOM) {
            self.at = BOM.len();
            self.encoding = Some(FileEncoding::MarkedUtf8);
        }
        Ok(())
    }

    /// The `\n` of a `\r\n`.
    fn skip_second_half(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.after_return) {
            if self.at == self.held.len() {
                self.fill()?;
            }
            self.at += usize::from(self.held.get(self.at) == Some(&b'\n'));
        }
        Ok(())
    }

    /// Goes on behind a line and its end.
    fn pass(&mut self, length: usize) {
        self.at += length;
        if let Some(end) = self.held.get(self.at) {
            self.after_return = *end == b'\r';
            self.at += 1;
        }
    }

    /// Drops the rest of a line.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = self.held[self.at..].iter().position(|b| matches!(b, b'\n' | b'\r')) {
                self.pass(end);
                return Ok(());
            }
            self.at = self.held.len();
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Reads some more; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.held.drain(..std::mem::take(&mut self.at));
        if self.ended {
            return Ok(false);
        }
        let before = self.held.len();
        self.held.resize(before + CHUNK, 0);
        let read = self.source.read(&mut self.held[before..]);
        self.held.truncate(before + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(!self.ended)
    }

    /// Tells the encoding from here on.
    fn tell(&mut self) -> io::Result<FileEncoding> {
        while self.held.len() - self.at < WINDOW && self.fill()? {}
        Ok(match std::str::from_utf8(&self.held[self.at..]) {
            Ok(_) => FileEncoding::Utf8,
            // The window ends within a character.
            Err(_) if bugs::has(Bug::NoGbk) => FileEncoding::Utf8,
            Err(e) if e.error_len().is_none() && !self.ended => FileEncoding::Utf8,
            Err(_) => FileEncoding::Gb18030,
        })
    }
}

fn decode(line: &[u8], encoding: FileEncoding) -> Result<String, Fault> {
    let text = match encoding {
        FileEncoding::Utf8 | FileEncoding::MarkedUtf8 => std::str::from_utf8(line).ok().map(str::to_owned),
        FileEncoding::Gb18030 => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(line)
            .map(|text| text.into_owned()),
    };
    text.ok_or_else(|| Fault::new("encoding_invalid", "文字编码有误 / bytes that the encoding does not have"))
}

fn too_long() -> Fault {
    Fault::new("line_too_long", "本行过长，或引号未闭合 / the line is too long, or a quote is not closed")
}

/// Takes lines apart. One serves a whole file: to make its table costs more than a line.
pub(super) struct Splitter {
    reader: Reader,
    output: Vec<u8>,
}

impl Splitter {
    pub fn new() -> Self {
        Self { reader: Reader::new(), output: Vec::new() }
    }

    /// The fields of a line; none of an empty one.
    pub fn fields(&mut self, line: &str) -> Result<Vec<String>, Fault> {
        if line.is_empty() {
            return Ok(Vec::new());
        }
        let input = [line.as_bytes(), b"\n"].concat();
        self.output.resize(input.len().max(self.output.len()), 0);
        self.reader.reset();
        let mut ends = [0; FIELDS];
        let (result, _, _, count) = self.reader.read_record(&input, &mut self.output, &mut ends);
        match result {
            ReadRecordResult::Record => {}
            ReadRecordResult::InputEmpty => {
                return Err(Fault::new("quote_open", "引号未闭合 / a quote is not closed on its line"));
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                return Err(Fault::new("columns_wrong", "列数过多 / too many columns"));
            }
            ReadRecordResult::End => return Ok(Vec::new()),
        }
        let mut from = 0;
        let field = |end: &usize| {
            let bytes = self.output.get(std::mem::replace(&mut from, *end)..*end).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        Ok(ends[..count].iter().map(field).collect())
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
