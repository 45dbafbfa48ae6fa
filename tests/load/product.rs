//! The product under load: the real release binaries with the settings of a service, on a database of their own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_tests::Client;
use mashang_tests::place::Form;
use mashang_tests::port::free_port;
use mashang_tests::process::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::cpu;
use crate::servers::{Database, Servers};

/// How long a process gets to end by itself.
const STOP: Duration = Duration::from_secs(20);

/// What differs between runs of the product.
pub struct Wanted<'a> {
    pub form: Form,
    /// A word of its own: names the database and the corner of Redis.
    pub name: &'a str,
    /// More settings, whole sections of TOML that are not in [`settings`].
    pub sections: &'a str,
    /// Settings by name, which win over all others: `("limits.code_per_day", "1000000")`.
    pub changes: &'a [(&'a str, &'a str)],
    /// Whether the notifier runs (a process of its own in the service form).
    pub notifier: bool,
}

/// The running product. Killed when dropped; [`Product::stop`] ends it properly.
pub struct Product {
    pub api: Process,
    pub notifier: Option<Process>,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    pub database_url: String,
    /// From the start of the api to its first answer.
    pub started_in: Duration,
    env: Vec<(String, String)>,
    notifier_port: u16,
    database: Option<Database>,
    dir: TempDir,
}

impl Product {
    pub async fn start(servers: &Servers, wanted: &Wanted<'_>) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("product-").tempdir_in(&servers.folder)?;
        let database = match wanted.form {
            Form::Service => Some(servers.database(wanted.name).await?),
            Form::Sqlite => None,
        };
        let database_url = match &database {
            Some(database) => database.url.clone(),
            None => format!("sqlite://{}", dir.path().join("mashang.db").display()),
        };
        let notifier_port = free_port()?;
        let config = dir.path().join("mashang.toml");
        let text = settings(servers, wanted, &database_url, dir.path(), notifier_port) + wanted.sections;
        std::fs::write(&config, text)?;
        let env: Vec<(String, String)> = wanted
            .changes
            .iter()
            .map(|(k, v)| (mashang_tests::settings::variable(k), (*v).to_owned()))
            .collect();
        let (api, said, started_in) = start_api(&config, &env).await?;
        let url = url_of(&said);
        let mut product =
            Self { api, notifier: None, url, database_url, started_in, env, notifier_port, database, dir };
        if wanted.notifier && wanted.form == Form::Service {
            product.start_notifier().await?;
        }
        Ok(product)
    }

    /// Starts the notifier and waits for its first answer.
    pub async fn start_notifier(&mut self) -> anyhow::Result<()> {
        let mut process = start_process("mashang-notifier", &self.path("mashang.toml"), &self.env)?;
        answers(&format!("http://127.0.0.1:{}", self.notifier_port), &mut process).await?;
        self.notifier = Some(process);
        Ok(())
    }

    /// Stops the notifier, if it runs, as an operator would.
    pub fn stop_notifier(&mut self) -> anyhow::Result<()> {
        self.notifier.take().map_or(Ok(()), |mut process| end(&mut process))
    }

    /// Stops the api and starts it on the data that are there. Returns the time to its first answer.
    pub async fn restart_api(&mut self) -> anyhow::Result<Duration> {
        end(&mut self.api)?;
        let (api, said, started_in) = start_api(&self.path("mashang.toml"), &self.env).await?;
        (self.api, self.url) = (api, url_of(&said));
        Ok(started_in)
    }

    /// Stops both processes as an operator would, and drops the database.
    pub async fn stop(mut self, servers: &Servers) -> anyhow::Result<()> {
        self.stop_notifier()?;
        end(&mut self.api)?;
        match self.database.take() {
            Some(database) => servers.drop_database(database).await,
            None => Ok(()),
        }
    }

    /// CPU seconds of api and notifier so far.
    pub fn cpu_seconds(&self) -> f64 {
        cpu::seconds(self.api.id()) + self.notifier.as_ref().map_or(0.0, |n| cpu::seconds(n.id()))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The key ring that the first start has made.
    pub fn keys_file(&self) -> PathBuf {
        self.path("keys.toml")
    }

    pub fn anyone(&self) -> Client {
        Client::new(&self.url)
    }
}

/// Settings of a service, but for the limits on sign-in: all people of a benchmark live at one address.
fn settings(
    servers: &Servers,
    wanted: &Wanted<'_>,
    database_url: &str,
    folder: &Path,
    notifier_port: u16,
) -> String {
    let (folder, embedded) = (folder.display(), wanted.form == Form::Sqlite);
    let redis = if wanted.form == Form::Service { servers.redis_url.as_str() } else { "" };
    format!(
        r#"environment = "development"
[http]
listen = "127.0.0.1:0"
[database]
url = "{database_url}"
[redis]
url = "{redis}"
key_prefix = "{}"
[notifier]
listen = "127.0.0.1:{notifier_port}"
embedded = {embedded}
[keys]
file = "{folder}/keys.toml"
[log]
format = "json"
"#,
        wanted.name
    )
}

fn start_process(name: &str, config: &Path, env: &[(String, String)]) -> anyhow::Result<Process> {
    let arguments = ["--config", config.to_str().context("a path in UTF-8")?, "serve"];
    Process::start(name, &arguments, env, &config.with_file_name(format!("{name}.log")))
}

/// The api, what it said about itself, and how long it took to its first answer.
async fn start_api(config: &Path, env: &[(String, String)]) -> anyhow::Result<(Process, Value, Duration)> {
    let begun = Instant::now();
    let mut api = start_process("mashang-api", config, env)?;
    let said: Value = serde_json::from_str(&api.line()?).context("the first line is JSON")?;
    answers(&url_of(&said), &mut api).await?;
    Ok((api, said, begun.elapsed()))
}

fn url_of(said: &Value) -> String {
    format!("http://{}", word(&said["listening"]))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn end(process: &mut Process) -> anyhow::Result<()> {
    let ended = process.terminate(STOP);
    ensure!(ended.is_some_and(|s| s.success()), "it does not end: {}", process.log_text());
    Ok(())
}

async fn answers(url: &str, process: &mut Process) -> anyhow::Result<()> {
    let (begun, client) = (Instant::now(), Client::new(url));
    while client.try_send_raw(reqwest::Method::GET, "/healthz", None).await.is_err() {
        ensure!(begun.elapsed() < STOP, "no answer: {}", process.log_text());
        ensure!(process.wait(Duration::from_millis(2)).is_none(), "it ended: {}", process.log_text());
    }
    Ok(())
}
