//! One kept HTTP/1.1 connection, as little of it as a measurement needs.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for an answer; longer ones are read in several steps.
const ROOM: usize = 8192;

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// The server will not answer on this connection again.
    pub closes: bool,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(ROOM) })
    }

    /// Sends a request and reads the answer to its end.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some(head) = Head::of(&self.buffer)? {
                while self.buffer.len() < head.end + head.body {
                    self.read().await?;
                }
                return Ok(head.reply);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<()> {
        self.buffer.reserve(ROOM);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(Error::from(ErrorKind::UnexpectedEof)),
            _ => Ok(()),
        }
    }
}

struct Head {
    reply: Reply,
    /// Where the body begins.
    end: usize,
    /// Bytes of the body.
    body: usize,
}

impl Head {
    /// The head, once it is there. Bodies in chunks are not understood: none of the servers sends them here.
    fn of(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
        let bad = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
        let mut lines = bytes[..end].split(|b| *b == b'\n');
        let status = lines.next().and_then(|l| l.get(9..12)).and_then(|s| std::str::from_utf8(s).ok());
        let status = status.and_then(|s| s.parse().ok()).ok_or_else(|| bad("no status"))?;
        let (mut body, mut closes) = (None, false);
        for line in lines {
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                body = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
            } else if name.eq_ignore_ascii_case(b"connection") {
                closes = value.eq_ignore_ascii_case(b"close");
            }
        }
        let body = body.ok_or_else(|| bad("no length"))?;
        Ok(Some(Self { reply: Reply { status, closes }, end: end + 4, body }))
    }
}
