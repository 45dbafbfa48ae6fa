//! Queues for jobs as many a service would have them: a job an alert, an HTTP call a job; nothing is recorded. Each is a
//! program in a folder of `tests/load/peers`, installed by `tests/load/run`.
//!
//! A peer reads the path of the Redis socket, the provider's URL and the number of jobs from its environment
//! (`PEER_REDIS_SOCKET`, `PEER_PROVIDER`, `PEER_JOBS`), queues the jobs, works them off, and says as its first line
//! `{"seconds": S, "sent": N}`: the time from the first job's start to the last answer.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::provider::Provider;
use super::redis_pools;
use crate::context::Ctx;

/// Longest run of a peer; it is killed then.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Node.js, 64 jobs at a time.
    BullMq,
    /// Rust, 64 tasks at a time.
    Apalis,
    /// Python, prefork.
    Celery,
}

impl Peer {
    pub const ALL: [Self; 3] = [Self::BullMq, Self::Apalis, Self::Celery];

    pub fn name(self) -> &'static str {
        match self {
            Self::BullMq => "BullMQ",
            Self::Apalis => "apalis",
            Self::Celery => "Celery",
        }
    }

    /// So many that a round takes a few seconds.
    pub fn jobs(self) -> u32 {
        match self {
            Self::BullMq | Self::Apalis => 100_000,
            Self::Celery => 5_000,
        }
    }

    fn command(self) -> anyhow::Result<Command> {
        let installed = |name: &str| {
            std::env::var(name).with_context(|| format!("{name}: tests/load/run installs the peers"))
        };
        Ok(match self {
            Self::BullMq => {
                let mut command = Command::new("node");
                command.arg("main.mjs").current_dir(installed("LOAD_PEER_BULLMQ")?);
                command
            }
            Self::Apalis => Command::new(installed("LOAD_PEER_APALIS")?),
            Self::Celery => {
                let folder = installed("LOAD_PEER_CELERY")?;
                let mut command = Command::new(Path::new(&folder).join("venv/bin/python"));
                command.arg("main.py").current_dir(folder);
                command
            }
        })
    }

    /// Runs it once. Alerts a second.
    pub async fn alerts_per_second(self, ctx: &Ctx, provider: &Provider) -> anyhow::Result<f64> {
        let mut command = self.command()?;
        command
            .env("PEER_REDIS_SOCKET", ctx.servers.redis_url.trim_start_matches("redis+unix://"))
            .env("PEER_PROVIDER", &provider.url)
            .env("PEER_JOBS", self.jobs().to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let (name, before) = (self.name(), provider.calls());
        let output = tokio::time::timeout(PATIENCE, command.output()).await.context(name)??;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let first = output.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let said: Value = serde_json::from_slice(first).with_context(|| format!("{name}'s answer"))?;
        let calls = provider.calls() - before;
        ensure!(calls == u64::from(self.jobs()), "{name} made {calls} calls");
        // What it leaves in Redis is no burden of whoever comes next.
        redis::cmd("FLUSHALL").query_async::<()>(&mut redis_pools(ctx)?.get().await?).await?;
        Ok(f64::from(self.jobs()) / said["seconds"].as_f64().context("seconds")?)
    }
}
