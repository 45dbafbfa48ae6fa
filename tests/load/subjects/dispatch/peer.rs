//! BullMQ, as many a service would have it: a job an alert, an HTTP call a job, 64 at a time; nothing is recorded.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::provider::Provider;
use crate::context::Ctx;

/// Alerts a second.
pub async fn alerts_per_second(ctx: &Ctx, provider: &Provider, jobs: u64) -> anyhow::Result<f64> {
    let folder =
        std::env::var("LOAD_PEER_BULLMQ").context("LOAD_PEER_BULLMQ: tests/load/run installs the peers")?;
    let socket = ctx.servers.redis_url.trim_start_matches("redis+unix://").to_owned();
    let mut command = Command::new("node");
    command
        .arg("main.mjs")
        .current_dir(folder)
        .env("PEER_REDIS_SOCKET", socket)
        .env("PEER_PROVIDER", &provider.url)
        .env("PEER_JOBS", jobs.to_string())
        .stdin(Stdio::null());
    let before = provider.calls();
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "BullMQ: {}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).context("BullMQ's answer")?;
    ensure!(provider.calls() - before == jobs, "BullMQ made {} calls", provider.calls() - before);
    Ok(jobs as f64 / said["seconds"].as_f64().context("seconds")?)
}
