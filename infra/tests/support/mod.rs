//! Private servers for the tests of this crate, and the one way to skip a test that lacks one.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mashang_infra::redis::{RedisOptions, RedisPools};
use tempfile::TempDir;
use uuid::Uuid;

/// Says that a test is skipped; fails it when the run demands all tests.
#[expect(clippy::print_stderr, reason = "a skipped test says so where its reader looks")]
pub fn skip(why: &str) {
    let required = std::env::var_os("MASHANG_TESTS_REQUIRE_ALL").is_some();
    assert!(!required, "all tests are required: {why}");
    eprintln!("skipped: {why}");
}

/// A Redis for one test: a private one, or a share of the one at `TEST_REDIS_URL`.
pub struct TestRedis {
    pub url: String,
    /// First part of all key names of this test.
    pub namespace: String,
    server: Option<Server>,
}

struct Server {
    socket: PathBuf,
    child: Option<Child>,
    _dir: TempDir,
}

impl TestRedis {
    /// A running Redis, shared or private.
    pub async fn start() -> Option<Self> {
        let namespace = format!("test-{}", Uuid::new_v4());
        if let Ok(url) = std::env::var("TEST_REDIS_URL") {
            return Some(Self { url, namespace, server: None });
        }
        let mut redis = Self::private()?;
        redis.up().await;
        Some(redis)
    }

    /// A private Redis that does not run yet, for tests that stop it.
    pub fn private() -> Option<Self> {
        let known = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if known.is_err() {
            skip("there is no redis-server on the PATH");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("redis.sock");
        let url = format!("redis+unix://{}", socket.display());
        let namespace = format!("test-{}", Uuid::new_v4());
        Some(Self { url, namespace, server: Some(Server { socket, child: None, _dir: dir }) })
    }

    pub fn pools(&self) -> RedisPools {
        RedisPools::connect(&self.url, RedisOptions::default()).unwrap()
    }

    /// Starts the private server, empty, and waits until it answers.
    pub async fn up(&mut self) {
        let server = self.server.as_mut().unwrap();
        let started = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--loglevel", "warning", "--unixsocket"])
            .arg(&server.socket)
            .current_dir(server.socket.parent().unwrap())
            .stdout(Stdio::null())
            .spawn();
        server.child = Some(started.unwrap());
        let pools = self.pools();
        for _ in 0..200 {
            if pools.ping().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the private redis-server does not answer");
    }

    /// Kills the private server; what it held is lost.
    pub fn down(&mut self) {
        if let Some(mut child) = self.server.as_mut().and_then(|s| s.child.take()) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends the private server a signal such as `STOP`.
    pub fn signal(&self, name: &str) {
        let child = self.server.as_ref().and_then(|s| s.child.as_ref()).unwrap();
        let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Removes everything this test has put there: FLUSHALL on a private server, its own keys on a shared one.
    pub async fn wipe(&self) {
        let mut connection = self.pools().get().await.unwrap();
        if self.server.is_some() {
            let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
            return;
        }
        let pattern = format!("*{}*", self.namespace);
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
        let () = redis::cmd("DEL").arg(keys).arg("none").query_async(&mut connection).await.unwrap();
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.down();
    }
}

/// Looks until `found` says yes, for ten seconds.
pub async fn eventually(what: &str, mut found: impl AsyncFnMut() -> bool) {
    for _ in 0..400 {
        if found().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not happen: {what}");
}
