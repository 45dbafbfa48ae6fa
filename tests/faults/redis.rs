//! A Redis of the campaign's own, that keeps nothing: what it has been told stays in its append-only files, for those who
//! look for what must not be there, and is never read again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_tests::process::send_signal;

pub struct Redis {
    folder: PathBuf,
    socket: PathBuf,
    /// How often it was started.
    starts: u32,
    server: Option<Child>,
}

impl Redis {
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir(folder)?;
        let socket = folder.join("redis.sock");
        let mut redis = Self { folder: folder.to_owned(), socket, starts: 0, server: None };
        redis.start()?;
        Ok(redis)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Starts (again), with nothing in it.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let _ = std::fs::remove_file(&self.socket);
        self.starts += 1;
        let files = format!("told-{}", self.starts);
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            "0",
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
            "--rdbcompression",
            "no",
        ]);
        command.args(["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"]);
        command.args(["--appenddirname", &files, "--dbfilename", &format!("{files}.rdb"), "--dir"]);
        command.arg(&self.folder);
        command.arg("--unixsocket").arg(&self.socket).stdin(Stdio::null()).stdout(Stdio::null());
        self.server = Some(command.spawn().context("redis-server")?);
        let begun = Instant::now();
        while !self.socket.exists() {
            ensure!(begun.elapsed() < Duration::from_secs(10), "redis-server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// SIGKILL: everything it held is lost.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    pub fn signal(&self, name: &str) {
        if let Some(server) = &self.server {
            send_signal(server.id(), name);
        }
    }

    pub fn flush_all(&self) -> anyhow::Result<()> {
        self.say(&["FLUSHALL"]).map(|_| ())
    }

    /// What `redis-cli` answers to a command.
    pub fn say(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("redis-cli").arg("-s").arg(&self.socket).args(words).output();
        let output = output.context("redis-cli")?;
        ensure!(output.status.success(), "redis-cli {words:?}: {}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
