//! One notifier process: started, watched, stopped, killed and started again at the same address.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mashang_tests::port::free_port;
use mashang_tests::process::Process;

use crate::api::{cpu_seconds, ready, temporary};
use crate::dispatch::metrics::Metrics;
use crate::wire::get;

/// How long a start may take.
const START: Duration = Duration::from_secs(30);

pub struct Notifier {
    process: Process,
    config: PathBuf,
    pub log: PathBuf,
    pub port: u16,
    /// How often it was started: the counters of a life end with it.
    pub lives: u32,
}

impl Notifier {
    /// Starts a notifier with a listener of its own, and waits until that answers.
    pub async fn start(config: &Path, name: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let log = config.with_file_name(format!("{name}.log"));
        let process = launch(config, port, &log)?;
        let mut notifier = Self { process, config: config.to_owned(), log, port, lives: 1 };
        notifier.listening().await?;
        Ok(notifier)
    }

    /// Starts it again, after it ended or was killed.
    pub async fn again(&mut self) -> anyhow::Result<()> {
        self.begin_again()?;
        self.listening().await
    }

    /// As [`Notifier::again`], without waiting.
    pub fn begin_again(&mut self) -> anyhow::Result<()> {
        self.process = launch(&self.config, self.port, &self.log)?;
        self.lives += 1;
        Ok(())
    }

    async fn listening(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while get(self.port, "/healthz", Duration::from_secs(2)).await.is_err() {
            if let Some(status) = self.process.wait(Duration::ZERO) {
                bail!("the notifier ended, {status}: {}", self.last_words());
            }
            if begun.elapsed() > START {
                bail!("the notifier does not answer: {}", self.log.display());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        self.process.wait(patience)
    }

    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.process.id())
    }

    /// Waits until `/readyz` says ready; answers how long that took.
    pub async fn ready(&self, patience: Duration) -> anyhow::Result<Duration> {
        ready(self.port, patience, &self.log).await
    }

    /// What it says at `/metrics`, of this life of the process.
    pub async fn metrics(&self) -> anyhow::Result<Metrics> {
        Metrics::of(self.port).await
    }
}

fn launch(config: &Path, port: u16, log: &Path) -> anyhow::Result<Process> {
    let env = [("MASHANG__NOTIFIER__LISTEN".to_owned(), format!("127.0.0.1:{port}")), temporary(config)?];
    let args = ["--config", config.to_str().context("a path in UTF-8")?, "serve"];
    Process::start("mashang-notifier", &args, &env, log)
}
