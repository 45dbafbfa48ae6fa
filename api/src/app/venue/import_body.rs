//! The body of an import as a blocking reader, made even: no byte order mark, one kind of line end.

use std::io::{self, Read};

use actix_web::web::Bytes;
use tokio::sync::mpsc;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The body as a blocking reader: without its byte order mark, and with `\n` at the end of every line, whichever of `\n`,
/// `\r\n` and `\r` the file has.
pub(super) struct Body {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    present: Bytes,
    begun: bool,
    after_return: bool,
    ended: bool,
}

impl Body {
    pub(super) fn new(chunks: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { chunks, present: Bytes::new(), begun: false, after_return: false, ended: false }
    }

    /// The mark may come in pieces.
    fn begin(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        while head.len() < BOM.len() {
            match self.chunks.blocking_recv().transpose()? {
                Some(chunk) => head.extend_from_slice(&chunk),
                None => break,
            }
        }
        let skip = if head.starts_with(BOM) { BOM.len() } else { 0 };
        self.present = Bytes::from(head).slice(skip..);
        self.begun = true;
        Ok(())
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        let mut written = 0;
        while written == 0 && !self.ended && !out.is_empty() {
            while self.present.is_empty() {
                match self.chunks.blocking_recv().transpose()? {
                    Some(chunk) => self.present = chunk,
                    None => {
                        self.ended = true;
                        out[0] = b'\n';
                        return Ok(1);
                    }
                }
            }
            let some = self.present.split_to(out.len().min(self.present.len()));
            for byte in some {
                let second_half = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if !second_half {
                    out[written] = if self.after_return { b'\n' } else { byte };
                    written += 1;
                }
            }
        }
        Ok(written)
    }
}
