//! What ours is compared with: small programs that take the same request and write one row of the same table, without
//! session, code check, plausibility or idempotency.
//!
//! Two of them are this very program, started again; the others live in folders beside this file, with their pinned
//! versions, and are installed by `tests/load/run`. A peer is told by its environment where to listen and where the
//! database is.

mod ceiling;
mod orm;
mod request;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;
use mashang_tests::port::free_port;

use crate::cpu;
use crate::servers::Database;

/// How long a peer may take to start.
const START: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// actix-web: parses, makes an id, answers. No database: nothing in Rust answers more.
    Ceiling,
    /// actix-web and sea-orm, one insert a request.
    SeaOrm,
    /// actix-web and tokio-postgres, one prepared insert a request.
    TokioPostgres,
    /// Node.js, fastify and pg, two processes.
    Fastify,
    /// Python, FastAPI and asyncpg, two workers.
    Fastapi,
}

impl Peer {
    pub fn name(self) -> &'static str {
        match self {
            Peer::Ceiling => "actix, no database",
            Peer::SeaOrm => "actix + sea-orm, one insert each",
            Peer::TokioPostgres => "actix + tokio-postgres, one insert each",
            Peer::Fastify => "fastify + pg, 2 processes",
            Peer::Fastapi => "FastAPI + asyncpg, 2 workers",
        }
    }

    fn command(self) -> anyhow::Result<Command> {
        let installed = |name: &str| {
            std::env::var(name).with_context(|| format!("{name}: tests/load/run installs the peers"))
        };
        Ok(match self {
            Peer::Ceiling | Peer::SeaOrm => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--serve-as", if self == Peer::Ceiling { "ceiling" } else { "sea-orm" }]);
                command
            }
            Peer::TokioPostgres => Command::new(installed("LOAD_PEER_TOKIO_POSTGRES")?),
            Peer::Fastify => {
                let mut command = Command::new("node");
                command.arg("server.mjs").current_dir(installed("LOAD_PEER_FASTIFY")?);
                command
            }
            Peer::Fastapi => {
                let folder = installed("LOAD_PEER_FASTAPI")?;
                let mut command = Command::new(Path::new(&folder).join("venv/bin/python"));
                command.args(["-m", "uvicorn", "server:app", "--workers", "2", "--no-access-log"]);
                command.args(["--log-level", "warning", "--host", "127.0.0.1"]).current_dir(folder);
                command
            }
        })
    }

    /// Starts it and waits until it listens.
    pub fn start(self, socket: &Path, database: &Database) -> anyhow::Result<Running> {
        let address: SocketAddr = ([127, 0, 0, 1], free_port()?).into();
        let mut command = self.command()?;
        if self == Peer::Fastapi {
            command.args(["--port", &address.port().to_string()]);
        }
        command
            .env("PEER_PORT", address.port().to_string())
            .env("PEER_PG_SOCKET", socket)
            .env("PEER_PG_DATABASE", database.name())
            .env("PEER_PG_URL", &database.url)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut child = command.spawn().with_context(|| self.name())?;
        let begun = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("{} ended: {status}", self.name());
            }
            if begun.elapsed() > START {
                let _ = child.kill();
                bail!("{} does not listen", self.name());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Running { child, address })
    }

    /// Serves as one of the two that are this program.
    pub async fn serve(self) -> anyhow::Result<()> {
        match self {
            Peer::Ceiling => ceiling::serve().await,
            Peer::SeaOrm => orm::serve().await,
            other => bail!("{} is another program", other.name()),
        }
    }
}

/// A running peer. Stopped when dropped.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
}

impl Running {
    pub fn cpu_seconds(&self) -> f64 {
        cpu::seconds(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Workers of the peers end when their parent is told to.
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
