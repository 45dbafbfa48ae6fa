//! The exchange with the server, step by step, because what an error means depends on where it came; and a pool of a few
//! connections, because a server counts them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use mashang_config::gateway::GatewaySettings;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::replies::{Refusal, Step};
use crate::gateway::http::install_tls;
use crate::gateway::registry::BuildError;

/// Connections at once, and kept.
const CONNECTIONS: usize = 8;
/// Servers hang up on who is silent for longer.
const IDLE: Duration = Duration::from_secs(30);
const MECHANISMS: &[Mechanism] = &[Mechanism::Plain, Mechanism::Login];

/// How a letter was not delivered.
#[derive(Debug)]
pub(super) enum Failure {
    /// The letter was not written: nobody got anything.
    NotSent,
    /// The server has not what the settings want of it; nothing was sent.
    Unfit(&'static str),
    Refused(Step, Refusal),
    /// The letter was written, and no word came about it.
    Lost(&'static str),
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// From the start.
    Implicit,
    /// By STARTTLS, or not at all.
    Upgraded,
    /// Not at all, in development.
    None,
}

/// A server, and our connections to it.
pub(super) struct Server {
    host: String,
    port: u16,
    tls: Tls,
    parameters: TlsParameters,
    hello: ClientId,
    login: Option<(String, SecretString)>,
    connect_timeout: Duration,
    timeout: Duration,
    turns: Semaphore,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Server {
    pub(super) fn new(settings: &GatewaySettings) -> Result<Self, BuildError> {
        install_tls();
        let gateway = || settings.name.clone();
        let (tls, host, port) =
            place(&settings.endpoint).ok_or_else(|| BuildError::Endpoint { gateway: gateway() })?;
        let mut builder = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned());
        if !settings.ca_file.is_empty() {
            let unread = || BuildError::CaFile { gateway: gateway() };
            let pem = std::fs::read(&settings.ca_file).map_err(|_| unread())?;
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| unread())?);
        }
        let user = &settings.access_key_id;
        Ok(Self {
            host,
            port,
            tls,
            parameters: builder.build_rustls().map_err(|_| BuildError::CaFile { gateway: gateway() })?,
            hello: ClientId::default(),
            login: (!user.is_empty()).then(|| (user.clone(), settings.access_key_secret.clone())),
            connect_timeout: Duration::from_millis(settings.connect_timeout_ms),
            timeout: Duration::from_millis(settings.timeout_ms),
            turns: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
        })
    }

    /// Delivers one letter, once. A time-out before the letter was written sent nothing.
    pub(super) async fn deliver(&self, envelope: &Envelope, letter: &[u8]) -> Result<(), Failure> {
        let written = AtomicBool::new(false);
        match timeout(self.timeout, self.exchange(envelope, letter, &written)).await {
            Ok(ended) => ended,
            Err(_) if written.load(Ordering::Acquire) => Err(Failure::Lost("timeout")),
            Err(_) => Err(Failure::NotSent),
        }
    }

    async fn exchange(
        &self,
        envelope: &Envelope,
        letter: &[u8],
        written: &AtomicBool,
    ) -> Result<(), Failure> {
        let _turn = self.turns.acquire().await.map_err(|_| Failure::NotSent)?;
        let mut connection = self.connection().await?;
        let ended = speak(&mut connection, envelope, letter, written).await;
        match &ended {
            Ok(()) => self.keep(connection),
            // After a refusal the connection serves the next letter, unless the server has closed it.
            Err(Failure::Refused(_, refusal)) if refusal.code != 421 => {
                if connection.command(Rset).await.is_ok() {
                    self.keep(connection);
                }
            }
            Err(_) => {}
        }
        ended
    }

    /// A kept connection that still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Failure> {
        while let Some((mut kept, since)) = self.kept() {
            if since.elapsed() < IDLE && kept.test_connected().await {
                return Ok(kept);
            }
        }
        self.open().await
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Failure> {
        let greeting = |error: Error| failed(Step::Greeting, &error);
        let implicit = (self.tls == Tls::Implicit).then(|| self.parameters.clone());
        let at = (self.host.trim_matches(['[', ']']), self.port);
        let opened =
            AsyncSmtpConnection::connect_tokio1(at, Some(self.connect_timeout), &self.hello, implicit, None);
        let mut connection = opened.await.map_err(greeting)?;
        if self.tls == Tls::Upgraded {
            if !connection.can_starttls() {
                return Err(Failure::Unfit("no_starttls"));
            }
            connection.starttls(self.parameters.clone(), &self.hello).await.map_err(greeting)?;
        }
        if let Some((user, password)) = &self.login {
            let login = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let answer = connection.auth(MECHANISMS, &login).await;
            answer.map_err(|error| match error.is_client() {
                true => Failure::Unfit("no_login"),
                false => failed(Step::Authentication, &error),
            })?;
        }
        Ok(connection)
    }

    fn kept(&self) -> Option<(AsyncSmtpConnection, Instant)> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        if !connection.has_broken() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
        }
    }
}

async fn speak(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    letter: &[u8],
    written: &AtomicBool,
) -> Result<(), Failure> {
    let sender = Mail::new(envelope.from().cloned(), Vec::new());
    connection.command(sender).await.map_err(|error| failed(Step::Sender, &error))?;
    for to in envelope.to() {
        let recipient = Rcpt::new(to.clone(), Vec::new());
        connection.command(recipient).await.map_err(|error| failed(Step::Recipient, &error))?;
    }
    connection.command(Data).await.map_err(|error| failed(Step::Content, &error))?;
    written.store(true, Ordering::Release);
    match connection.message(letter).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match Refusal::of(&error) {
            Some(refusal) => Failure::Refused(Step::Content, refusal),
            None => Failure::Lost("connection_lost"),
        }),
    }
}

/// An error before the letter was written.
fn failed(step: Step, error: &Error) -> Failure {
    Refusal::of(error).map_or(Failure::NotSent, |refusal| Failure::Refused(step, refusal))
}

/// `smtps://host:465`, `smtp://host:587`, `smtp-plain://host:25`.
fn place(endpoint: &str) -> Option<(Tls, String, u16)> {
    let (scheme, rest) = endpoint.split_once("://")?;
    let (tls, standard) = match scheme {
        "smtps" => (Tls::Implicit, 465),
        "smtp" => (Tls::Upgraded, 587),
        "smtp-plain" => (Tls::None, 25),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        Some(_) | None => (rest, standard),
    };
    let plain = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
    plain.then(|| (tls, host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_says_how_it_is_protected() {
        for (endpoint, expected) in [
            ("smtps://mail.example.cn", Some((Tls::Implicit, "mail.example.cn", 465))),
            ("smtp://mail.example.cn:2587/", Some((Tls::Upgraded, "mail.example.cn", 2587))),
            ("smtp-plain://127.0.0.1", Some((Tls::None, "127.0.0.1", 25))),
            ("smtp://[::1]", Some((Tls::Upgraded, "[::1]", 587))),
            ("smtp://[::1]:2525", Some((Tls::Upgraded, "[::1]", 2525))),
            ("https://mail.example.cn", None),
            ("smtps://", None),
            ("smtps://u:p@mail.example.cn", None),
            ("smtps://mail.example.cn/x", None),
            ("smtps://mail.example.cn:x", None),
        ] {
            let found = place(endpoint);
            let found = found.as_ref().map(|(tls, host, port)| (*tls, host.as_str(), *port));
            assert_eq!(found, expected, "{endpoint}");
        }
    }
}
