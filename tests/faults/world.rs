//! What all scenarios of a campaign stand on: the servers, and a migrated database with a crowd in it for each form.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use mashang_config::Database;
use mashang_tests::Form;
use mashang_tests::process::command;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::crowd::Crowd;
use crate::dispatch::Outbreak;
use crate::postgres::Postgres;
use crate::redis::Redis;

/// The database that every PostgreSQL scenario gets a copy of.
const TEMPLATE: &str = "template_faults";

pub struct World {
    pub seed: u64,
    /// The short form of the campaign: fewer kills, shorter loads.
    pub short: bool,
    pub postgres: Postgres,
    pub redis: Redis,
    pub zero: Instant,
    /// Scans a second that an api was measured to take, by form.
    pub capacity: HashMap<&'static str, f64>,
    /// Of SQLite and PostgreSQL, made for the first scenario that scans there.
    crowds: [Option<Arc<Crowd>>; 2],
    /// Made for the first scenario that dispatches.
    outbreak: Option<Arc<Outbreak>>,
    stages: u32,
    dir: TempDir,
}

/// The word for a form.
pub const fn word(form: Form) -> &'static str {
    match form {
        Form::Sqlite => "sqlite",
        Form::Service => "postgres",
    }
}

impl World {
    pub async fn make(seed: u64, short: bool) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("mashang-faults-").tempdir()?;
        // The servers' user has to get in.
        crate::postgres::run(Command::new("chmod").arg("755").arg(dir.path()))?;
        let postgres = Postgres::create(&dir.path().join("pg"))?;
        let redis = Redis::create(&dir.path().join("redis"))?;
        let crowds = [None, None];
        let (capacity, zero) = (HashMap::new(), Instant::now());
        Ok(Self { seed, short, postgres, redis, zero, capacity, crowds, outbreak: None, stages: 0, dir })
    }

    /// The crowd of a form and the template with it.
    pub async fn crowd(&mut self, form: Form) -> anyhow::Result<Arc<Crowd>> {
        let place = usize::from(form == Form::Service);
        if let Some(crowd) = &self.crowds[place] {
            return Ok(Arc::clone(crowd));
        }
        let crowd = match form {
            Form::Service => settle_postgres(&self.postgres, self.dir.path(), self.seed).await?,
            Form::Sqlite => settle(&sqlite_template(self.dir.path()), self.dir.path(), self.seed).await?,
        };
        let crowd = Arc::new(crowd);
        self.crowds[place] = Some(Arc::clone(&crowd));
        Ok(crowd)
    }

    /// The alert of the scenarios that dispatch; the api makes it when it is first wanted.
    pub async fn outbreak(&mut self) -> anyhow::Result<Arc<Outbreak>> {
        if let Some(outbreak) = &self.outbreak {
            return Ok(Arc::clone(outbreak));
        }
        let outbreak = Arc::new(Outbreak::make(self).await?);
        self.outbreak = Some(Arc::clone(&outbreak));
        Ok(outbreak)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn keys(&self) -> PathBuf {
        self.dir.path().join("keys.toml")
    }

    /// Leaves everything where it is.
    pub fn keep(mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.dir.path().to_owned()
    }

    /// A folder for one stage.
    pub fn folder(&mut self) -> anyhow::Result<PathBuf> {
        self.stages += 1;
        let folder = self.dir.path().join(format!("stage-{}", self.stages));
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// A copy of a template on PostgreSQL, for one stage; its address.
    pub fn copy_of(&self, template: &str) -> anyhow::Result<String> {
        let name = format!("stage_{}", self.stages);
        self.postgres.psql("postgres", &[&format!("CREATE DATABASE {name} TEMPLATE {template}")])?;
        Ok(self.postgres.url(self.postgres.port, &name))
    }

    /// A fresh database with the crowd in it; its address for those who go straight to it.
    pub fn database(&self, form: Form, folder: &Path) -> anyhow::Result<String> {
        match form {
            Form::Service => self.copy_of(TEMPLATE),
            Form::Sqlite => {
                let file = folder.join("mashang.db");
                std::fs::copy(self.dir.path().join("template.db"), &file)?;
                Ok(format!("sqlite://{}", file.display()))
            }
        }
    }
}

/// Makes the template in a PostgreSQL.
pub async fn settle_postgres(postgres: &Postgres, dir: &Path, seed: u64) -> anyhow::Result<Crowd> {
    postgres.psql("postgres", &[&format!("CREATE DATABASE {TEMPLATE}")])?;
    settle(&postgres.url(postgres.port, TEMPLATE), dir, seed).await
}

fn sqlite_template(dir: &Path) -> String {
    format!("sqlite://{}", dir.join("template.db").display())
}

async fn settle(url: &str, dir: &Path, seed: u64) -> anyhow::Result<Crowd> {
    let keys = migrate(url, dir)?;
    Crowd::settle(&settings_of(url), &keys, seed).await
}

/// Brings the schema up to date; the file of the keys.
pub fn migrate(url: &str, dir: &Path) -> anyhow::Result<PathBuf> {
    let (config, keys) = (dir.join("template.toml"), dir.join("keys.toml"));
    std::fs::write(&config, format!("[database]\nurl = \"{url}\"\n[keys]\nfile = \"{}\"\n", keys.display()))?;
    let args = ["--config", config.to_str().context("a path in UTF-8")?, "migrate"];
    let output = command("mashang-api", &args, &[])?.current_dir(dir).output()?;
    ensure!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
    Ok(keys)
}

/// For whoever writes into a database without a process of ours.
pub fn settings_of(url: &str) -> Database {
    Database {
        url: url.to_owned(),
        max_connections: 2,
        acquire_timeout_ms: 5_000,
        statement_timeout_ms: 60_000,
        migrate_on_start: false,
        partitions_ahead_days: 7,
    }
}
