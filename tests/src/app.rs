//! The whole product under test: the api, the notifier, a provider that takes the messages, a clock that can be moved.

use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use mashang_domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::client::Client;
use crate::clock::TestClock;
use crate::fake_provider::{Accepted, FakeProvider};
use crate::persona::Staff;
use crate::place::{Form, Place};
use crate::port::free_port;
use crate::process::{Process, command};
use crate::search::postgres_files;
use crate::settings::{self, RECEIPT_SECRET, variable};

/// How long a test waits for something that has to come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The product, running. Everything ends and is removed when it is dropped.
pub struct TestApp {
    pub form: Form,
    pub clock: TestClock,
    pub provider: FakeProvider,
    api: Option<Process>,
    notifier: Option<Process>,
    /// `http://127.0.0.1:PORT`, the same after a restart.
    pub url: String,
    /// Of the notifier's own listener.
    pub notifier_url: String,
    env: Vec<(String, String)>,
    phones: AtomicU32,
    pub(crate) house_official: OnceCell<Staff>,
    db: OnceCell<DatabaseConnection>,
    place: Place,
    dir: TempDir,
}

impl TestApp {
    /// Starts everything; `None` (and a word about it) when the servers of this form are not there.
    pub async fn start(form: Form) -> Option<Self> {
        Self::with(form, &[]).await
    }

    /// As [`TestApp::start`], with settings changed: `("limits.code_tries", "3")`.
    pub async fn with(form: Form, changes: &[(&str, &str)]) -> Option<Self> {
        Self::with_gateways(form, changes, settings::gateways).await
    }

    /// As [`TestApp::with`], with the `[[gateways]]` tables that `gateways` makes of the provider's address.
    pub async fn with_gateways(
        form: Form,
        changes: &[(&str, &str)],
        gateways: impl Fn(&str) -> String,
    ) -> Option<Self> {
        let started = Self::try_with(form, changes, &gateways).await;
        started.unwrap_or_else(|e| panic!("the product does not start: {e:#}"))
    }

    async fn try_with(
        form: Form,
        changes: &[(&str, &str)],
        gateways: &impl Fn(&str) -> String,
    ) -> anyhow::Result<Option<Self>> {
        let dir = tempfile::Builder::new().prefix("mashang-test-").tempdir()?;
        let Some(place) = Place::make(form, dir.path()).await? else { return Ok(None) };
        let provider = FakeProvider::start().await?;
        let notifier_port = free_port()?;
        let common = settings::common(form, &place, dir.path(), notifier_port);
        let with_gateways = common.clone() + &gateways(provider.url());
        // In the service form the api never sees a provider's secret.
        let of_api = if form == Form::Sqlite { &with_gateways } else { &common };
        std::fs::write(dir.path().join("api.toml"), of_api)?;
        std::fs::write(dir.path().join("notifier.toml"), &with_gateways)?;
        // What the processes put aside is theirs alone, so that a test may look through it.
        let aside = dir.path().join("tmp");
        std::fs::create_dir(&aside)?;
        let mut env: Vec<(String, String)> =
            changes.iter().map(|(k, v)| (variable(k), (*v).to_owned())).collect();
        env.push(("TMPDIR".to_owned(), aside.display().to_string()));
        let mut app = Self {
            form,
            clock: TestClock::new(dir.path().join("offset"))?,
            provider,
            api: None,
            notifier: None,
            url: format!("http://127.0.0.1:{}", free_port()?),
            notifier_url: format!("http://127.0.0.1:{notifier_port}"),
            env,
            phones: AtomicU32::new(0),
            house_official: OnceCell::new(),
            db: OnceCell::new(),
            place,
            dir,
        };
        app.start_api()?;
        app.start_notifier().await?;
        Ok(Some(app))
    }

    /// Starts the api (again, at the same address).
    pub fn start_api(&mut self) -> anyhow::Result<()> {
        let mut env = self.env.clone();
        let address = self.url.strip_prefix("http://").context("an address")?;
        env.push((variable("http.listen"), address.to_owned()));
        let config = self.path("api.toml");
        let args = ["--config", config.to_str().context("a path in UTF-8")?, "serve"];
        let mut api = Process::start("mashang-api", &args, &env, &self.path("api.log"))?;
        let line = api.line()?;
        let said: Value = serde_json::from_str(&line).context("the first line is JSON")?;
        anyhow::ensure!(said["listening"] == address, "it listens elsewhere: {line}");
        self.api = Some(api);
        Ok(())
    }

    /// Starts the notifier (again) where it is a process of its own, and waits until it answers.
    pub async fn start_notifier(&mut self) -> anyhow::Result<()> {
        if self.form == Form::Sqlite {
            return Ok(());
        }
        let config = self.path("notifier.toml");
        let args = ["--config", config.to_str().context("a path in UTF-8")?, "serve"];
        self.notifier =
            Some(Process::start("mashang-notifier", &args, &self.env, &self.path("notifier.log"))?);
        let (begun, client) = (Instant::now(), Client::new(&self.notifier_url));
        while client.try_send_raw(reqwest::Method::GET, "/healthz", None).await.is_err() {
            let notifier = self.notifier.as_mut().context("just started")?;
            let ended = notifier.wait(Duration::from_millis(25));
            anyhow::ensure!(ended.is_none(), "the notifier ended: {}", notifier.log_text());
            anyhow::ensure!(
                begun.elapsed() < PATIENCE,
                "the notifier does not answer: {}",
                notifier.log_text()
            );
        }
        Ok(())
    }

    /// One more notifier beside the first, with a listener of its own: the process, and the address of its listener.
    pub async fn another_notifier(&self) -> anyhow::Result<(Process, String)> {
        let (config, port) = (self.path("notifier.toml"), free_port()?);
        let args = ["--config", config.to_str().context("a path in UTF-8")?, "serve"];
        let mut env = self.env.clone();
        env.push((variable("notifier.listen"), format!("127.0.0.1:{port}")));
        let process = Process::start("mashang-notifier", &args, &env, &self.path("notifier-2.log"))?;
        let url = format!("http://127.0.0.1:{port}");
        let client = Client::new(&url);
        eventually("the other notifier answers", async || {
            client.try_send_raw(reqwest::Method::GET, "/healthz", None).await.ok()
        })
        .await;
        Ok((process, url))
    }

    pub fn api(&mut self) -> &mut Process {
        self.api.as_mut().unwrap_or_else(|| panic!("the api was stopped"))
    }

    /// The notifier's process; in the embedded form the api's.
    pub fn notifier(&mut self) -> &mut Process {
        if self.notifier.is_some() {
            return self.notifier.as_mut().unwrap_or_else(|| unreachable!("just looked"));
        }
        self.api()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Somebody who is not signed in.
    pub fn anyone(&self) -> Client {
        Client::new(&self.url)
    }

    /// Runs a sub-command of `mashang-api` with this test's settings, to its end.
    pub async fn command(&self, args: &[&str]) -> Output {
        let config = self.path("api.toml");
        let mut all = vec!["--config", config.to_str().unwrap_or_default()];
        all.extend(args);
        let run = command("mashang-api", &all, &self.env).map(|mut c| {
            c.current_dir(self.dir.path());
            tokio::process::Command::from(c)
        });
        let output = match run {
            Ok(mut command) => command.output().await.map_err(anyhow::Error::from),
            Err(e) => Err(e),
        };
        output.unwrap_or_else(|e| panic!("{args:?}: {e:#}"))
    }

    /// A number nobody has yet, of the range that is allocated to nobody.
    pub fn fresh_phone(&self) -> String {
        format!("154{:08}", 10_000_000 + self.phones.fetch_add(1, Ordering::Relaxed))
    }

    /// Everything the provider took for a phone, oldest first.
    pub fn messages_to(&self, phone: &str) -> Vec<Accepted> {
        let e164 = if phone.starts_with('+') { phone.to_owned() } else { format!("+86{phone}") };
        self.provider.accepted().into_iter().filter(|m| m.phone == e164).collect()
    }

    /// The SMS among them.
    pub fn sms_to(&self, phone: &str) -> Vec<Accepted> {
        self.messages_to(phone).into_iter().filter(|m| m.api.ends_with("Sms")).collect()
    }

    /// Waits for message number `count` to a phone (the first is 1) and gives it.
    pub async fn message_to(&self, phone: &str, count: usize) -> Accepted {
        let arrived = async || self.messages_to(phone).into_iter().nth(count - 1);
        eventually("a message arrives", arrived).await
    }

    /// Reports every message so far as delivered (or not) to the notifier, as the provider would.
    pub async fn receipts_arrive(&self, delivered: bool) {
        for (api, gateway) in [("SendSms", "sms"), ("SendBatchSms", "sms"), ("SingleCallByTts", "voice")] {
            let url = format!("{}/receipts/{gateway}/{RECEIPT_SECRET}", self.notifier_url);
            if self.provider.accepted().iter().any(|m| m.api == api) {
                let pushed = self.provider.push_receipts(api, delivered, &url).await;
                pushed.unwrap_or_else(|e| panic!("receipts of {api}: {e:#}"));
            }
        }
    }

    /// Waits until nothing that is due waits any more.
    pub async fn drained(&self) {
        let sql = "SELECT (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM delivery WHERE state = 'sending' \
                   OR (state = 'pending' AND due_at <= {now})) + (SELECT COUNT(*) FROM alert \
                   WHERE state IN ('approved', 'sending') AND fanned_out_at IS NULL)";
        let empty = async || {
            let now = self.clock.now().0;
            (self.count(&sql.replace("{now}", &now.to_string())).await == 0).then_some(())
        };
        eventually("the queue is drained", empty).await;
    }

    /// The connection of the test, to look at what is stored.
    pub async fn db(&self) -> &DatabaseConnection {
        let connect = async || self.place.connect().await.unwrap_or_else(|e| panic!("{e:#}"));
        self.db.get_or_init(connect).await
    }

    /// The one number that a query gives.
    pub async fn count(&self, sql: &str) -> i64 {
        let conn = self.db().await;
        let statement = Statement::from_string(conn.get_database_backend(), sql);
        let row = conn.query_one_raw(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        row.and_then(|r| r.try_get_by_index::<i64>(0).ok()).unwrap_or_else(|| panic!("{sql}: no number"))
    }

    /// What the processes have logged so far.
    pub fn logs(&self) -> String {
        ["api.log", "notifier.log"]
            .iter()
            .map(|name| std::fs::read_to_string(self.path(name)).unwrap_or_default())
            .collect()
    }

    /// What the notifier's own listener says of itself.
    pub async fn notifier_metrics(&self) -> String {
        let client = Client::new(&self.notifier_url);
        let reply = client.try_send_raw(reqwest::Method::GET, "/metrics", None).await;
        reply.map(|r| r.text()).unwrap_or_default()
    }

    /// Where PostgreSQL keeps this test's database and what it writes ahead. The server must be on this machine.
    pub async fn database_files(&self) -> Vec<PathBuf> {
        let files = postgres_files(self.db().await).await.unwrap_or_else(|e| panic!("{e:#}"));
        assert!(files.iter().all(|f| std::fs::read_dir(f).is_ok()), "they can be read: {files:?}");
        files.into()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_end_of(&self.logs());
        }
        // Before the place: nobody writes into what is being removed.
        self.api = None;
        self.notifier = None;
    }
}

#[expect(clippy::print_stderr, reason = "a failed test shows the end of the logs")]
fn show_end_of(logs: &str) {
    let lines: Vec<&str> = logs.lines().collect();
    eprintln!("---- end of the logs\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
}

/// Looks again and again until something is there.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "it did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
