//! One api process: started, watched, killed and started again at the same address.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_tests::port::free_port;
use mashang_tests::process::Process;
use serde_json::Value;

use crate::wire::get;

pub struct Api {
    process: Process,
    config: PathBuf,
    env: Vec<(String, String)>,
    pub log: PathBuf,
    pub port: u16,
}

impl Api {
    /// Starts an api on a port of its own.
    pub fn start(config: &Path, name: &str, env: Vec<(String, String)>) -> anyhow::Result<Self> {
        let port = free_port()?;
        let log = config.with_file_name(format!("{name}.log"));
        let process = launch(config, &env, port, &log)?;
        Ok(Self { process, config: config.to_owned(), env, log, port })
    }

    /// Starts it again, after it ended or was killed; answers how long it took until it listened.
    pub fn again(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.process = launch(&self.config, &self.env, self.port, &self.log)?;
        Ok(begun.elapsed())
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

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Limits the open files of the running process.
    pub fn limit_files(&self, files: u64) -> anyhow::Result<()> {
        let (pid, limit) = (self.pid().to_string(), format!("--nofile={files}:"));
        crate::postgres::run(Command::new("prlimit").args(["--pid", &pid, &limit]))
    }

    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, |entries| entries.count())
    }

    /// CPU seconds used so far.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.pid())
    }

    /// Waits until `/readyz` says ready; answers how long that took.
    pub async fn ready(&self, patience: Duration) -> anyhow::Result<Duration> {
        ready(self.port, patience, &self.log).await
    }
}

/// Waits until the process at this port says that it is ready; answers how long that took.
pub async fn ready(port: u16, patience: Duration, log: &Path) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    while !is_ready(port).await {
        ensure!(begun.elapsed() < patience, "not ready within {patience:?}: {}", log.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(begun.elapsed())
}

/// CPU seconds that a process has used so far.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |n: usize| after_name.split(' ').nth(n).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Whether a process says that it can serve.
async fn is_ready(port: u16) -> bool {
    get(port, "/readyz", Duration::from_secs(2)).await.is_ok_and(|answer| answer.status == 200)
}

fn launch(config: &Path, env: &[(String, String)], port: u16, log: &Path) -> anyhow::Result<Process> {
    let mut env = env.to_vec();
    env.push(("MASHANG__HTTP__LISTEN".to_owned(), format!("127.0.0.1:{port}")));
    env.push(temporary(config)?);
    let args = ["--config", config.to_str().context("a path in UTF-8")?, "serve"];
    let mut process = Process::start("mashang-api", &args, &env, log)?;
    let said: Value = serde_json::from_str(&process.line()?).context("the first line is JSON")?;
    ensure!(said["listening"].is_string(), "it says where it listens: {said}");
    Ok(process)
}

/// Where the processes of a stage put what is temporary, as a variable of theirs.
pub fn temporary(config: &Path) -> anyhow::Result<(String, String)> {
    let folder = config.with_file_name("tmp");
    std::fs::create_dir_all(&folder)?;
    Ok(("TMPDIR".to_owned(), folder.display().to_string()))
}

/// The largest resident set of a process, in bytes, sampled until it is stopped.
pub struct Memory {
    first: u64,
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Memory {
    pub fn watch(pid: u32) -> Self {
        let first = resident(pid);
        let (most, stop) = (Arc::new(AtomicU64::new(first)), Arc::new(AtomicBool::new(false)));
        let memory = Self { first, most: Arc::clone(&most), stop: Arc::clone(&stop) };
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(resident(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        memory
    }

    /// Growth over the first sample, in MB.
    pub fn grown_mb(&self) -> f64 {
        (self.most.load(Ordering::Relaxed).saturating_sub(self.first)) as f64 / 1e6
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
