//! E-mail against a real SMTP server (aiosmtpd, started here with certificates of its own): TLS from the start, STARTTLS,
//! login, what it refuses, and connections that end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use mashang_config::gateway::GatewaySettings;
use mashang_domain::delivery::Outcome;
use mashang_domain::person::Email;
use mashang_notifier::gateway::{Batch, TemplateKey};
use serde_json::Value;
use tempfile::TempDir;

use super::{at_place, gateway, words};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/smtp_server.py");
const LOGIN: (&str, &str) = ("mashang", "letters of nobody");

pub(crate) struct MailServer {
    process: Child,
    lines: Receiver<String>,
    ports: Value,
    _folder: TempDir,
}

impl MailServer {
    /// `None`, and a word about it, where the server is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Ok(python) = std::env::var("MASHANG_SMTP_PYTHON") else {
            assert!(
                std::env::var("MASHANG_TESTS_REQUIRE_ALL").is_err(),
                "MASHANG_SMTP_PYTHON is not set: `tests/smtp install` says it"
            );
            eprintln!("skipped: MASHANG_SMTP_PYTHON is not set (`tests/smtp install`)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(python)
            .args([Path::new(SERVER), folder.path()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let hello = lines.recv_timeout(Duration::from_secs(60)).unwrap();
        Some(Self { process, lines, ports: serde_json::from_str(&hello).unwrap(), _folder: folder })
    }

    fn table(&self, scheme: &str, port: &str) -> GatewaySettings {
        toml::from_str(&self.text(scheme, port)).unwrap()
    }

    /// The table of a gateway that sends through this server.
    pub(crate) fn text(&self, scheme: &str, port: &str) -> String {
        format!(
            r#"name = "mail"
            kind = "email"
            endpoint = "{scheme}://localhost:{}"
            access_key_id = "{}"
            access_key_secret = "{}"
            sender = "云南抗疫情 <notice@cdc.example.org>"
            sign_name = "防控通知"
            ca_file = {}
            timeout_ms = 2000
            templates = {{ alert_3 = "紧急：请立即处理", summary = "疫情提醒任务概况" }}"#,
            self.ports[port], LOGIN.0, LOGIN.1, self.ports["ca"]
        )
    }

    /// The next letter that was taken.
    pub(crate) fn letter(&self) -> Value {
        self.try_letter(Duration::from_secs(20)).unwrap()
    }

    /// The next letter, if one is taken within `wait`.
    pub(crate) fn try_letter(&self, wait: Duration) -> Option<Value> {
        self.lines.recv_timeout(wait).ok().map(|line| serde_json::from_str(&line).unwrap())
    }

    pub(crate) fn took_nothing(&self) -> bool {
        self.lines.recv_timeout(Duration::from_millis(300)).is_err()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn letter_to(name: &str, reference: &str) -> Batch {
    let to = Email::parse(&format!("{name}@example.org")).unwrap();
    let recipient = at_place(to.into(), reference, "翠湖 A+B*~\n.\n50% <b>");
    Batch { template: TemplateKey::new("alert_3"), recipients: vec![recipient] }
}

#[tokio::test]
async fn letters_go_out_over_tls_either_way() {
    let Some(server) = MailServer::start() else { return };
    for scheme in ["smtps", "smtp"] {
        let port = if scheme == "smtps" { "smtps" } else { "starttls" };
        let gateway = gateway(server.table(scheme, port));
        let outcomes = gateway.send(&letter_to("zhang.san", "k3v5")).await;
        assert_eq!(
            outcomes,
            [Outcome::Accepted { provider_id: "<k3v5@cdc.example.org>".into() }],
            "{scheme}"
        );
        let letter = server.letter();
        assert_eq!((&letter["tls"], &letter["user"]), (&true.into(), &LOGIN.0.into()), "{scheme}");
        assert_eq!(
            (&letter["from"], &letter["to"][0]),
            (&"notice@cdc.example.org".into(), &"zhang.san@example.org".into())
        );
        let text = letter["text"].as_str().unwrap().replace("\r\n", "\n");
        assert_eq!(text.trim_end(), "您曾到过翠湖 A+B*~\n.\n50% <b>", "{scheme}");
        let headers = &letter["headers"];
        assert_eq!(headers["subject"], "紧急：请立即处理");
        assert_eq!(headers["from"], "云南抗疫情 <notice@cdc.example.org>");
        assert_eq!(
            (&headers["message-id"], &headers["auto-submitted"]),
            (&"<k3v5@cdc.example.org>".into(), &"auto-generated".into())
        );
    }
}

#[tokio::test]
async fn a_resend_has_the_same_message_id_and_the_same_connection() {
    let Some(server) = MailServer::start() else { return };
    let gateway = gateway(server.table("smtps", "smtps"));
    for reference in ["r1", "r1", "r2"] {
        assert_eq!(words(&gateway.send(&letter_to("li", reference)).await), ["accepted"]);
    }
    let letters = [server.letter(), server.letter(), server.letter()];
    let id = |n: usize| letters[n]["headers"]["message-id"].as_str().unwrap();
    assert_eq!((id(0), id(2)), (id(1), "<r2@cdc.example.org>"));
    assert!(
        letters.iter().all(|l| l["peer"] == letters[0]["peer"]),
        "one connection serves them all: {letters:?}"
    );
}

#[tokio::test]
async fn what_the_server_says_falls_into_its_class() {
    let Some(server) = MailServer::start() else { return };
    let gateway = gateway(server.table("smtp", "starttls"));
    for (name, expected, code) in [
        ("unknown", "number_invalid", "550 5.1.1"),
        ("full", "frequency_limited", "452 4.2.2"),
        ("grey", "retry", "450 4.2.0"),
        ("spam", "configuration", "554 5.7.1"),
        ("away", "retry", "not_sent"),
    ] {
        let outcomes = gateway.send(&letter_to(name, "r")).await;
        assert_eq!(words(&outcomes), [expected], "{name}");
        let Outcome::Rejected { code: said, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
        assert_eq!(said, code, "{name}");
    }
    assert!(server.took_nothing());
    assert_eq!(words(&gateway.send(&letter_to("li", "r")).await), ["accepted"], "the next one goes through");
}

#[tokio::test]
async fn a_connection_that_ends_after_the_letter_leaves_it_unknown() {
    let Some(server) = MailServer::start() else { return };
    let gateway = gateway(server.table("smtps", "smtps"));
    for (name, code) in [("lost", "connection_lost"), ("slow", "timeout")] {
        assert_eq!(gateway.send(&letter_to(name, "r")).await, [Outcome::unknown(code)], "{name}");
        assert_eq!(server.letter()["to"][0], format!("{name}@example.org"), "it was taken all the same");
    }
    assert!(server.took_nothing(), "nothing is sent twice");
}

#[tokio::test]
async fn nothing_goes_out_without_the_tls_that_was_asked_for() {
    let Some(server) = MailServer::start() else { return };
    // A server that has no STARTTLS, and one whose certificate nobody we trust has signed.
    let mut plain = server.table("smtp", "plain");
    assert_eq!(
        gateway(plain.clone()).send(&letter_to("li", "r")).await,
        [Outcome::rejected(mashang_domain::delivery::ErrorClass::Configuration, "no_starttls")]
    );
    for (scheme, port) in [("smtps", "smtps"), ("smtp", "starttls")] {
        let mut strange = server.table(scheme, port);
        strange.ca_file = String::new();
        assert_eq!(words(&gateway(strange).send(&letter_to("li", "r")).await), ["retry"], "{scheme}");
    }
    let mut stranger = server.table("smtps", "smtps");
    stranger.access_key_secret = "wrong".into();
    let refused = gateway(stranger).send(&letter_to("li", "r")).await;
    assert_eq!(words(&refused), ["configuration"], "{refused:?}");
    assert!(server.took_nothing());
    plain.endpoint = plain.endpoint.replace("smtp://", "smtp-plain://");
    plain.access_key_id = String::new();
    assert_eq!(
        words(&gateway(plain).send(&letter_to("li", "r")).await),
        ["accepted"],
        "development may do without"
    );
    assert_eq!(server.letter()["tls"], false);
}
