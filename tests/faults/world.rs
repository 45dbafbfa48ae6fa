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
    crowds: [Arc<Crowd>; 2],
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
        let of_service = settle_postgres(&postgres, dir.path(), seed).await?;
        let of_sqlite = settle(&sqlite_template(dir.path()), dir.path(), seed).await?;
        let crowds = [Arc::new(of_sqlite), Arc::new(of_service)];
        let (capacity, zero) = (HashMap::new(), Instant::now());
        Ok(Self { seed, short, postgres, redis, zero, capacity, crowds, stages: 0, dir })
    }

    pub fn crowd(&self, form: Form) -> Arc<Crowd> {
        Arc::clone(&self.crowds[usize::from(form == Form::Service)])
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

    /// A fresh database with the crowd in it; its address for those who go straight to it.
    pub fn database(&self, form: Form, folder: &Path) -> anyhow::Result<String> {
        let name = format!("stage_{}", self.stages);
        match form {
            Form::Service => {
                let make = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
                self.postgres.psql("postgres", &[&make])?;
                Ok(self.postgres.url(self.postgres.port, &name))
            }
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
    let (config, keys) = (dir.join("template.toml"), dir.join("keys.toml"));
    std::fs::write(&config, format!("[database]\nurl = \"{url}\"\n[keys]\nfile = \"{}\"\n", keys.display()))?;
    let args = ["--config", config.to_str().context("a path in UTF-8")?, "migrate"];
    let output = command("mashang-api", &args, &[])?.current_dir(dir).output()?;
    ensure!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
    let settings = Database {
        url: url.to_owned(),
        max_connections: 2,
        acquire_timeout_ms: 5_000,
        statement_timeout_ms: 60_000,
        migrate_on_start: false,
        partitions_ahead_days: 7,
    };
    Crowd::settle(&settings, &keys, seed).await
}
