//! A mail server: plain SMTP with a login, one letter a transaction, and faults where a server would have them. As mail
//! systems do, it shows a letter once, however often its Message-ID comes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::{Accepted, Fault, HANG, KEY_ID, KEY_SECRET, State, lock};

/// A pause before a connection is cut, so that what was written arrives.
const BREATH: Duration = Duration::from_millis(20);

/// Serves until the listener's task is dropped.
pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((socket, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move { Session::new(socket, state).run().await });
    }
}

struct Session {
    lines: BufReader<OwnedReadHalf>,
    out: OwnedWriteHalf,
    state: Arc<Mutex<State>>,
    signed_in: bool,
    to: String,
    fault: Option<Fault>,
}

impl Session {
    fn new(socket: TcpStream, state: Arc<Mutex<State>>) -> Self {
        let (read, out) = socket.into_split();
        Self { lines: BufReader::new(read), out, state, signed_in: false, to: String::new(), fault: None }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    async fn say(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).await;
        let _ = self.out.flush().await;
    }

    async fn run(mut self) {
        self.say("220 fake ESMTP\r\n").await;
        while let Some(line) = self.line().await {
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => "250-fake\r\n250 AUTH PLAIN",
                "AUTH" => self.sign_in(&line),
                _ if !self.signed_in => "530 5.7.0 Authentication required",
                "RCPT" => self.recipient(&line),
                "DATA" => {
                    self.say("354 go on\r\n").await;
                    let letter = self.letter().await;
                    match self.take(letter).await {
                        Some(answer) => answer,
                        None => return,
                    }
                }
                "QUIT" => return,
                _ => "250 2.0.0 OK",
            };
            self.say(&format!("{answer}\r\n")).await;
            if answer.starts_with("421") {
                return;
            }
        }
    }

    fn sign_in(&mut self, line: &str) -> &'static str {
        let wanted = BASE64.encode(format!("\0{KEY_ID}\0{KEY_SECRET}").as_bytes());
        self.signed_in = line.strip_prefix("AUTH PLAIN ") == Some(&wanted);
        if self.signed_in { "235 2.7.0 OK" } else { "535 5.7.8 Wrong" }
    }

    fn recipient(&mut self, line: &str) -> &'static str {
        line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut self.to);
        let mut state = lock(&self.state);
        state.calls += 1;
        self.fault = state.fault(std::slice::from_ref(&self.to));
        match self.fault {
            Some(Fault::Throttled) => "421 4.7.0 Too many",
            Some(Fault::NumberInvalid) => "550 5.1.1 No such user",
            Some(Fault::FrequencyLimited) => "452 4.2.2 Mailbox full",
            Some(Fault::Account) => "550 5.4.5 Daily quota used up",
            Some(Fault::Redirect) => "551 5.1.6 Try elsewhere",
            _ => "250 2.1.5 OK",
        }
    }

    /// The lines up to the dot.
    async fn letter(&mut self) -> Vec<String> {
        let mut letter = Vec::new();
        while let Some(line) = self.line().await.filter(|line| line != ".") {
            letter.push(line.strip_prefix('.').map_or(line.clone(), str::to_owned));
        }
        letter
    }

    /// The answer to a letter; `None` when the connection ends without one.
    async fn take(&mut self, letter: Vec<String>) -> Option<&'static str> {
        let fault = self.fault;
        if fault.is_none_or(Fault::accepts) {
            let (id, message) = read(&letter, &self.to);
            let mut state = lock(&self.state);
            if state.answered.insert(id, json!(null)).is_none() {
                state.accepted.push(message);
            }
        }
        match fault {
            None => Some("250 2.0.0 OK"),
            Some(Fault::LateAnswer) => {
                tokio::time::sleep(super::LATE).await;
                Some("250 2.0.0 OK")
            }
            Some(Fault::Template) => Some("554 5.7.1 Refused"),
            Some(Fault::ServerError) => Some("what was that"),
            Some(Fault::HtmlError) => Some("<html>502</html>"),
            Some(Fault::Hang) => {
                tokio::time::sleep(HANG).await;
                None
            }
            Some(Fault::HalfAnswer | Fault::CutJson) => {
                self.say("250-2.0").await;
                tokio::time::sleep(BREATH).await;
                None
            }
            Some(
                Fault::Cut
                | Fault::LostAnswer
                | Fault::Throttled
                | Fault::NumberInvalid
                | Fault::FrequencyLimited
                | Fault::Account
                | Fault::Redirect,
            ) => None,
        }
    }
}

/// The Message-ID, and the letter as the message it carries.
fn read(letter: &[String], to: &str) -> (String, Accepted) {
    let mut parts = letter.splitn(2, String::is_empty);
    let (head, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let header = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let text = match header("Content-Transfer-Encoding:") {
        "base64" => BASE64.decode(body.concat().as_bytes()).unwrap_or_default(),
        "quoted-printable" => quoted_printable(body),
        _ => body.join("\n").into_bytes(),
    };
    let text = String::from_utf8_lossy(&text).replace("\r\n", "\n");
    let id = header("Message-ID:");
    let message = Accepted {
        api: "smtp".to_owned(),
        phone: to.to_owned(),
        template: header("Subject:").to_owned(),
        variables: json!({ "body": text }),
        reference: id.trim_start_matches('<').split('@').next().unwrap_or_default().to_owned(),
        provider_id: id.to_owned(),
        at: super::now(),
    };
    (id.to_owned(), message)
}

fn quoted_printable(lines: &[String]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        let (line, goes_on) = line.strip_suffix('=').map_or((line.as_str(), false), |line| (line, true));
        let mut parts = line.split('=');
        text.extend(parts.next().unwrap_or_default().bytes());
        for part in parts {
            text.extend(u8::from_str_radix(&part[..2], 16));
            text.extend(part[2..].bytes());
        }
        if !goes_on {
            text.push(b'\n');
        }
    }
    text
}
