//! Databases and Redis servers of tests: a file, a database of their own on a given server, a private redis-server.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mashang_infra::redis::{RedisOptions, RedisPools};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use uuid::Uuid;

/// Says that a test is skipped; fails it when the run demands all tests.
#[expect(clippy::print_stderr, reason = "a skipped test says so where its reader looks")]
pub fn skip(why: &str) {
    let required = std::env::var_os("MASHANG_TESTS_REQUIRE_ALL").is_some();
    assert!(!required, "all tests are required: {why}");
    eprintln!("skipped: {why}");
}

pub struct TestDatabase {
    pub url: String,
    _dir: Option<TempDir>,
}

impl TestDatabase {
    pub fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite://{}/t.db", dir.path().display()), _dir: Some(dir) }
    }

    /// A new database on the server of TEST_PG_URL; it stays there until the server is thrown away.
    pub async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("TEST_PG_URL") else {
            skip("TEST_PG_URL names no PostgreSQL");
            return None;
        };
        let name = format!("t{}", Uuid::new_v4().simple());
        let conn = Database::connect(&server).await.unwrap();
        conn.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        conn.close().await.unwrap();
        let (head, query) = server.split_once('?').unwrap_or((&server, ""));
        let base = head.rsplit_once('/').unwrap().0;
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Some(Self { url: format!("{base}/{name}{query}"), _dir: None })
    }
}

pub struct TestRedis {
    url: String,
    pub namespace: String,
    child: Option<Child>,
    _dir: Option<TempDir>,
}

impl TestRedis {
    pub async fn start() -> Option<Self> {
        let namespace = format!("test-{}", Uuid::new_v4());
        if let Ok(url) = std::env::var("TEST_REDIS_URL") {
            return Some(Self { url, namespace, child: None, _dir: None });
        }
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("redis.sock");
        let started = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--loglevel", "warning", "--unixsocket"])
            .arg(&socket)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            skip("there is no redis-server on the PATH");
            return None;
        };
        let url = format!("redis+unix://{}", socket.display());
        let redis = Self { url, namespace, child: Some(child), _dir: Some(dir) };
        for _ in 0..200 {
            if redis.pools().ping().await.is_ok() {
                return Some(redis);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the private redis-server does not answer");
    }

    pub fn pools(&self) -> RedisPools {
        RedisPools::connect(&self.url, RedisOptions::default()).unwrap()
    }

    /// Takes everything of this test away, groups and streams included.
    pub async fn wipe(&self) {
        let mut connection = self.pools().get().await.unwrap();
        let pattern = format!("*{}*", self.namespace);
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
        let () = redis::cmd("DEL").arg(keys).arg("none").query_async(&mut connection).await.unwrap();
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
