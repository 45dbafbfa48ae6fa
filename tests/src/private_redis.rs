//! A Redis of a test's own, to be wiped, or to be looked into as a whole.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

/// A server on a socket in a folder of its own; it writes every command to its append-only file.
pub struct PrivateRedis {
    process: Child,
    folder: TempDir,
}

impl PrivateRedis {
    /// Starts it; `None` where there is no `redis-server`.
    pub fn start() -> Option<Self> {
        let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            crate::place::skip("there is no redis-server");
            return None;
        }
        Some(Self::begin().unwrap_or_else(|e| panic!("redis-server does not start: {e:#}")))
    }

    fn begin() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("mashang-redis-").tempdir()?;
        let mut server = Command::new("redis-server");
        server.args(["--port", "0", "--maxmemory-policy", "noeviction"]);
        server.args(["--save", "", "--rdbcompression", "no", "--appendonly", "yes"]);
        server.arg("--unixsocket").arg(folder.path().join("socket")).arg("--dir").arg(folder.path());
        let redis = Self { process: server.stdout(Stdio::null()).spawn()?, folder };
        let begun = Instant::now();
        while redis.command(&["PING"]).is_err() {
            ensure!(begun.elapsed() < Duration::from_secs(20), "it does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(redis)
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What `redis-cli` says to a command.
    pub fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(words).output();
        let output = output.context("redis-cli")?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // It may have died already; nothing of it is wanted any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
