//! One line that says how fast this machine is, so that figures can be read elsewhere.

use std::path::Path;
use std::process::Command;

use crate::context::Ctx;

/// Cores, memory, processor, versions, and two speeds: SHA-256 of one core, and durable commits of 8 clients.
pub async fn line(ctx: &Ctx) -> anyhow::Result<String> {
    let version = ctx.servers.ask("SHOW server_version").await?;
    let durable = format!(
        "fsync {}, synchronous_commit {}",
        ctx.servers.ask("SHOW fsync").await?,
        ctx.servers.ask("SHOW synchronous_commit").await?
    );
    Ok(format!(
        "Machine: {} cores, {}, {}; PostgreSQL {version} ({durable}), Redis {} (AOF every second); \
         openssl SHA-256 of 16 kB on one core: {}; pgbench, one row a transaction, 8 clients: {}.",
        std::thread::available_parallelism().map_or(0, usize::from),
        memory(),
        processor(),
        redis_version(),
        sha256().unwrap_or_else(|| "unknown".to_owned()),
        commits(&ctx.servers.pg_socket_folder()).unwrap_or_else(|| "unknown".to_owned()),
    ))
}

fn memory() -> String {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kb = info.lines().find_map(|l| l.strip_prefix("MemTotal:")).and_then(|l| l.split_whitespace().next());
    kb.and_then(|kb| kb.parse::<u64>().ok())
        .map_or("? GiB".to_owned(), |kb| format!("{} GiB", kb.div_ceil(1 << 20)))
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split_once(": "));
    name.map_or("an unnamed processor", |(_, name)| name.trim()).to_owned()
}

fn redis_version() -> String {
    let said = output("redis-server", &["--version"]).unwrap_or_default();
    said.split_whitespace().find_map(|w| w.strip_prefix("v=")).unwrap_or("?").to_owned()
}

/// The last column of openssl's line, in thousands of bytes a second.
fn sha256() -> Option<String> {
    let said = output("openssl", &["speed", "-seconds", "1", "-bytes", "16384", "-evp", "sha256"])?;
    let line = said.lines().find(|l| l.to_lowercase().starts_with("sha256"))?;
    let rate = line.split_whitespace().last()?.trim_end_matches('k').parse::<f64>().ok()?;
    Some(format!("{:.0} MB/s", rate / 1000.0))
}

fn commits(socket: &Path) -> Option<String> {
    let host = socket.to_str()?;
    let at = ["-h", host, "-U", "postgres"];
    let initial: Vec<&str> = at.iter().copied().chain(["-i", "-q", "-s", "1", "postgres"]).collect();
    output("pgbench", &initial)?;
    let run: Vec<&str> = at
        .iter()
        .copied()
        .chain(["-n", "-b", "tpcb-like@0", "-b", "simple-update@1", "-c", "8", "-T", "3", "postgres"])
        .collect();
    let said = output("pgbench", &run)?;
    let line = said.lines().find_map(|l| l.strip_prefix("tps = "))?;
    let rate = line.split_whitespace().next()?.parse::<f64>().ok()?;
    Some(format!("{rate:.0}/s"))
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
