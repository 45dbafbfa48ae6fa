//! HTTP/1.1 as bytes on a socket: cheap enough for a generator that shares two cores with what it measures, and near
//! enough to the socket to be rude.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connecting on the loopback takes microseconds, or a full backlog.
const CONNECT: Duration = Duration::from_secs(10);

/// What was answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
    closes: bool,
}

/// One connection.
pub struct Wire {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub async fn connect(port: u16) -> Result<Self> {
        let connecting = TcpStream::connect(("127.0.0.1", port));
        let stream = timeout(CONNECT, connecting).await.map_err(|_| Error::from(ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1024) })
    }

    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.answer().await
    }

    /// Reads one answer; what follows it stays for the next.
    pub async fn answer(&mut self) -> Result<Answer> {
        loop {
            if let Some((answer, used)) = parse(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Error::from(ErrorKind::UnexpectedEof));
            }
        }
    }
}

/// An answer at the start of the bytes and its length, once all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>> {
    let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|_| Error::from(ErrorKind::InvalidData))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok());
    let mut answer = Answer { status: status.ok_or(ErrorKind::InvalidData)?, ..Answer::default() };
    let mut length = 0;
    for (name, value) in lines.filter_map(|l| l.split_once(':')) {
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", n) => length = n.parse().unwrap_or(0),
            ("retry-after", n) => answer.retry_after = n.parse().ok(),
            ("connection", word) => answer.closes = word.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let end = head + 4 + length;
    Ok((bytes.len() >= end).then(|| {
        answer.body = bytes[head + 4..end].to_vec();
        (answer, end)
    }))
}

/// Kept-alive connections to one api.
pub struct Wires {
    port: u16,
    idle: Mutex<Vec<Wire>>,
}

impl Wires {
    pub fn new(port: u16) -> Self {
        Self { port, idle: Mutex::new(Vec::new()) }
    }

    /// One request on a connection that is free, or on a new one.
    pub async fn ask(&self, request: &[u8]) -> Result<Answer> {
        let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut wire = match free {
            Some(wire) => wire,
            None => Wire::connect(self.port).await?,
        };
        let answer = wire.ask(request).await?;
        if !answer.closes {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(wire);
        }
        Ok(answer)
    }
}

/// A request without a body, on a connection of its own.
pub async fn get(port: u16, path: &str, patience: Duration) -> Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: mashang\r\nConnection: close\r\n\r\n");
    let asking = async { Wire::connect(port).await?.ask(request.as_bytes()).await };
    timeout(patience, asking).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
}
