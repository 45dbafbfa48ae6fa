//! One scenario's own database, apis, proxy and journal, and the check at its end.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mashang_tests::Form;
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use tokio::time::Instant;

use crate::api::Api;
use crate::checker::{Excused, check};
use crate::crowd::Crowd;
use crate::journal::{Entry, Journal, Written};
use crate::load::{Clients, Load, Plan};
use crate::proxy::Proxy;
use crate::report::Report;
use crate::wire::Wires;
use crate::world::{World, word};

/// How long honest clients repeat a scan before they count as not served.
const STUBBORN: Duration = Duration::from_secs(60);

/// A scenario on one database.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    pub scenario: &'static str,
    pub form: Form,
    pub about: &'static str,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scenario, word(self.form))
    }
}

/// What a scenario wants to be set up.
#[derive(Default)]
pub struct Wanted<'a> {
    /// Apis; one unless said otherwise.
    pub apis: usize,
    /// Whether a proxy stands before PostgreSQL.
    pub proxied: bool,
    /// Settings beside the campaign's own: `("scans.writers", "2")`.
    pub settings: &'a [(&'a str, &'a str)],
    /// Environment of each api, by its place.
    pub env: &'a [Vec<(String, String)>],
    /// A database to use instead of a fresh copy, and who is in it.
    pub database: Option<(String, Arc<Crowd>)>,
}

pub struct Stage {
    pub report: Report,
    pub apis: Vec<Api>,
    pub proxy: Option<Proxy>,
    pub folder: PathBuf,
    pub clients: Clients,
    database: String,
    written: Written,
    seed: u64,
    loads: u64,
}

impl Stage {
    pub async fn set(world: &mut World, name: Name, wanted: Wanted<'_>) -> anyhow::Result<Self> {
        let report = Report::begin(&name, world.seed);
        let folder = world.folder()?;
        let (database, crowd) = match wanted.database {
            Some(given) => given,
            None => {
                let crowd = world.crowd(name.form).await?;
                (world.database(name.form, &folder)?, crowd)
            }
        };
        let proxy = if wanted.proxied { Some(Proxy::to(world.postgres.port).await?) } else { None };
        let direct = format!(":{}/", world.postgres.port);
        let seen = proxy
            .as_ref()
            .map_or_else(|| database.clone(), |p| database.replace(&direct, &format!(":{}/", p.port)));
        let config = folder.join("api.toml");
        std::fs::write(&config, settings(name.form, &seen, world, wanted.settings))?;
        let mut apis = Vec::new();
        for n in 0..wanted.apis.max(1) {
            let env = wanted.env.get(n).cloned().unwrap_or_default();
            apis.push(Api::start(&config, &format!("api-{n}"), env)?);
        }
        let (journal, written) = Journal::open(&folder.join("journal.tsv"))?;
        let doors = apis.iter().map(|api| Arc::new(Wires::new(api.port))).collect();
        let clients = Clients { crowd, doors, journal, zero: world.zero };
        Ok(Self { report, apis, proxy, folder, clients, database, written, seed: world.seed, loads: 0 })
    }

    pub fn api(&mut self) -> &mut Api {
        &mut self.apis[0]
    }

    /// The proxy of a stage that was set with one.
    pub fn proxy(&self) -> anyhow::Result<&Proxy> {
        self.proxy.as_ref().ok_or_else(|| anyhow::anyhow!("no proxy was wanted"))
    }

    /// Honest, stubborn clients, until they are told to end.
    pub fn honest(&mut self, rate: f64) -> Load {
        self.load(rate, Duration::from_secs(3_600), STUBBORN)
    }

    pub fn load(&mut self, rate: f64, time: Duration, stubborn: Duration) -> Load {
        self.loads += 1;
        let seed = self.seed.wrapping_mul(1_000).wrapping_add(self.loads);
        Load::begin(self.clients.clone(), Plan { seed, rate, time, stubborn })
    }

    /// Microseconds since the campaign began.
    pub fn now(&self) -> u64 {
        micros_since(self.clients.zero)
    }

    /// Straight to the database, past any proxy.
    pub async fn database(&self) -> anyhow::Result<DatabaseConnection> {
        let mut options = ConnectOptions::new(&self.database);
        options.max_connections(1).sqlx_logging(false);
        Ok(Database::connect(options).await?)
    }

    /// Runs the checker. Every load must have ended.
    pub async fn check(self, excused: Excused) -> anyhow::Result<(Report, Vec<Entry>)> {
        let db = self.database().await?;
        let Self { mut report, apis, clients, written, .. } = self;
        let Clients { crowd, journal, .. } = clients;
        drop(journal);
        let entries = tokio::task::block_in_place(|| written.read())?;
        check(&mut report, &db, &crowd, &entries, excused).await?;
        let panics: usize = apis.iter().map(|api| panics_in(&api.log)).sum();
        report.line("log", "nothing panicked", format!("{panics} panics"), panics == 0);
        db.close().await?;
        Ok((report, entries))
    }
}

pub fn micros_since(zero: Instant) -> u64 {
    u64::try_from(zero.elapsed().as_micros()).unwrap_or(u64::MAX)
}

pub fn panics_in(log: &Path) -> usize {
    std::fs::read_to_string(log).map_or(0, |text| text.matches("panicked").count())
}

/// A number, a `[list]`, or a text.
fn value_of(text: &str) -> toml::Value {
    let list = || toml::from_str::<toml::Table>(&format!("list = {text}")).ok()?.remove("list");
    let value = if text.starts_with('[') { list() } else { text.parse::<i64>().ok().map(toml::Value::from) };
    value.unwrap_or_else(|| text.into())
}

/// The settings of an api, as an operator would write them.
pub fn settings(form: Form, database: &str, world: &World, more: &[(&str, &str)]) -> String {
    let redis = if form == Form::Service { world.redis.url() } else { String::new() };
    let keys = world.keys();
    let mut settings: toml::Table = toml::toml! {
        environment = "development"
        [http]
        workers = 2
        [notifier]
        listen = "127.0.0.1:0"
        [scans]
        repeat_seconds = 0
        max_per_day = 1000000
        [log]
        format = "json"
        filter = "info,mashang_api::http=error,sqlx=warn,sea_orm=warn"
    };
    let mut set = |key: &str, value: toml::Value| {
        let (section, key) = key.split_once('.').unwrap_or(("", key));
        let section = settings.entry(section).or_insert_with(|| toml::Table::new().into());
        section.as_table_mut().map(|t| t.insert(key.to_owned(), value))
    };
    set("database.url", database.into());
    set("redis.url", redis.into());
    set("keys.file", keys.display().to_string().into());
    set("notifier.embedded", if form == Form::Sqlite { "auto" } else { "false" }.into());
    for (key, value) in more {
        set(key, value_of(value));
    }
    settings.to_string()
}

/// The first acknowledgement of a scan that was sent after an instant: seconds from there.
pub fn first_2xx_after(entries: &[Entry], at: u64) -> f64 {
    let first = entries.iter().filter(|e| e.is_2xx() && e.sent >= at).map(|e| e.done).min();
    first.map_or(f64::INFINITY, |done| (done - at) as f64 / 1e6)
}
