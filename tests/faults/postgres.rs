//! A PostgreSQL of the campaign's own, to be stopped, killed, frozen and filled up. It keeps what it commits: fsync is on.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_tests::port::free_port;
use mashang_tests::process::send_signal;

/// How long a server may take to come up, recovery included.
const START: Duration = Duration::from_secs(60);

/// As a server is set up that is written to all day: checkpoints come by time and not by size.
const ROOMY: [&str; 3] = ["shared_buffers=256MB", "max_wal_size=4GB", "min_wal_size=80MB"];
const SMALL: [&str; 3] = ["shared_buffers=64MB", "max_wal_size=64MB", "min_wal_size=32MB"];

pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    pub port: u16,
    server: Option<Child>,
    /// How often it was started.
    pub starts: u32,
    /// Settings of memory and log.
    size: [&'static str; 3],
}

impl Postgres {
    /// Makes a cluster below `folder` and starts it.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        Self::with(folder, ROOMY)
    }

    /// As [`Postgres::create`], on a small disk.
    pub fn create_small(folder: &Path) -> anyhow::Result<Self> {
        Self::with(folder, SMALL)
    }

    fn with(folder: &Path, size: [&'static str; 3]) -> anyhow::Result<Self> {
        if !folder.is_dir() {
            std::fs::create_dir(folder)?;
        }
        if is_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(folder))?;
        }
        let mut server = Self {
            bin: newest()?,
            folder: folder.to_owned(),
            port: free_port()?,
            size,
            starts: 0,
            server: None,
        };
        run(server
            .command("initdb")
            .args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(folder.join("data"))
            .stdout(Stdio::null()))?;
        server.start()?;
        Ok(server)
    }

    /// Starts the server (again) and waits until it takes connections.
    pub fn start(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.starts += 1;
        let log = std::fs::File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.folder.join("data")).args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "max_locks_per_transaction=256",
        ]
        .into_iter()
        .chain(self.size)
        {
            command.args(["-c", setting]);
        }
        self.server = Some(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?);
        while !self.is_ready() {
            ensure!(begun.elapsed() < START, "PostgreSQL does not start: {}", self.folder.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(begun.elapsed())
    }

    /// What it says of itself.
    pub fn log(&self) -> PathBuf {
        self.folder.with_extension("log")
    }

    fn is_ready(&self) -> bool {
        let mut ask = self.command("pg_isready");
        ask.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        ask.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    }

    /// Through `port`, which may be a proxy's.
    pub fn url(&self, port: u16, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{database}")
    }

    /// Statements, each by itself, in one database.
    pub fn psql(&self, database: &str, statements: &[&str]) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
        command.args(["-d", database]).stdout(Stdio::null());
        for statement in statements {
            command.args(["-c", statement]);
        }
        run(&mut command)
    }

    /// Shuts down: `INT` is fast, `QUIT` immediate. Waits until it is gone.
    pub fn stop(&mut self, signal: &str) -> anyhow::Result<()> {
        let mut server = self.server.take().context("PostgreSQL is not running")?;
        send_signal(server.id(), signal);
        server.wait()?;
        Ok(())
    }

    /// SIGKILL to the postmaster and all its children.
    pub fn kill_all(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("PostgreSQL is not running")?;
        let children = children_of(server.id())?;
        server.kill()?;
        server.wait()?;
        children.iter().for_each(|pid| send_signal(*pid, "KILL"));
        Ok(())
    }

    /// Whether the server ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.server.as_mut().is_none_or(|s| !matches!(s.try_wait(), Ok(None)))
    }

    /// `STOP` or `CONT` to every process of the server.
    pub fn signal_all(&self, signal: &str) -> anyhow::Result<()> {
        let server = self.server.as_ref().context("PostgreSQL is not running")?;
        let mut all = children_of(server.id())?;
        all.push(server.id());
        all.iter().for_each(|pid| send_signal(*pid, signal));
        Ok(())
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let path = self.bin.join(program);
        if !is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
        command.current_dir("/").env("HOME", &self.folder);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.signal_all("CONT");
        let _ = self.stop("QUIT");
    }
}

pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// Runs a command that has to succeed.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

fn newest() -> anyhow::Result<PathBuf> {
    let version = |p: &PathBuf| p.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<u32>().ok());
    let installed = std::fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?;
    let newest = installed.flatten().map(|entry| entry.path()).max_by_key(version);
    Ok(newest.context("PostgreSQL is not installed")?.join("bin"))
}

fn children_of(pid: u32) -> anyhow::Result<Vec<u32>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().filter_map(|n| n.parse().ok()).collect())
}
