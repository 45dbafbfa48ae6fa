//! Who takes the requests, and one measurement of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mashang_domain::time::DAY;
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::store::partition;
use mashang_tests::figures::Figures;
use mashang_tests::place::Form;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::requests::Scans;
use crate::context::Ctx;
use crate::cpu;
use crate::generator::{self, Load, Outcome, Plan};
use crate::peers::{Peer, Running};
use crate::population::{self, Person, Place};
use crate::product::{Product, Wanted};
use crate::servers::{Database, connect};

/// People of the crowd: so many that each scans a few times in a measurement, as people do in a day. What a scan reads of
/// its person's day grows with it.
const PEOPLE: u32 = 60_000;
const PLACES: usize = 2_000;
/// Everybody comes once, so that sessions and codes are in the caches; shorter than these keep them, with the measurement.
const WARM_UP: Duration = Duration::from_secs(10);

/// What a contestant did in its rounds.
#[derive(Default)]
pub struct Results {
    pub rate: Figures,
    pub p50: Figures,
    pub p99: Figures,
    pub max: Figures,
    /// CPU microseconds of the server's processes a scan.
    pub cpu: Figures,
    /// CPU microseconds of PostgreSQL a scan.
    pub cpu_of_database: Figures,
    pub errors: u64,
}

impl Results {
    fn take(&mut self, outcome: &Outcome, cpu: f64, cpu_of_database: f64) {
        let millions = outcome.good as f64 / 1e6;
        self.rate.push(outcome.rate());
        self.p50.push(outcome.millis(0.5));
        self.p99.push(outcome.millis(0.99));
        self.max.push(outcome.max_millis());
        self.cpu.push(cpu / millions);
        self.cpu_of_database.push(cpu_of_database / millions);
        self.errors += outcome.errors();
    }
}

/// Whether sessions are in the cache, as in a crowd that comes again within half a minute, or none ever is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    Cached,
    LookedUp,
}

/// A server that is up and takes scans.
pub struct Contestant {
    pub name: String,
    server: Server,
    requests: Arc<Scans>,
    db: DatabaseConnection,
}

enum Server {
    Product(Box<Product>),
    Peer(Running),
}

impl Contestant {
    /// Ours, with its crowd; limits and queue as they are set by default.
    pub async fn ours(
        ctx: &Ctx,
        form: Form,
        sessions: Sessions,
    ) -> anyhow::Result<(Self, Vec<Person>, Vec<Place>)> {
        let (name, word) = match (form, sessions) {
            (Form::Service, Sessions::Cached) => ("Mashang, PostgreSQL and Redis", "scan"),
            (Form::Service, Sessions::LookedUp) => ("Mashang, everybody's first scan", "scan_first"),
            (Form::Sqlite, _) => ("Mashang, SQLite", "scan_sqlite"),
        };
        let mut changes = ctx.changes();
        if sessions == Sessions::LookedUp {
            changes.push(("sessions.cache_entries", "0"));
        }
        let wanted = Wanted { form, name: word, sections: "", changes: &changes, notifier: true };
        let product = Product::start(&ctx.servers, &wanted).await?;
        let keys = population::keys(&product.keys_file())?;
        let db = connect(&product.database_url, 1).await?;
        let now = Clock::system().now();
        let people = population::people(&db, &keys, 0..PEOPLE, now).await?;
        let places = population::places(&db, &keys, PLACES, now).await?;
        let requests = Scans::of_citizens(&people, &places);
        let ours = Self { name: name.to_owned(), server: Server::Product(Box::new(product)), requests, db };
        Ok((ours, people, places))
    }

    /// A peer, on a database with our tables.
    pub async fn peer(
        ctx: &Ctx,
        peer: Peer,
        database: &Database,
        people: &[Person],
        places: &[Place],
    ) -> anyhow::Result<Self> {
        let running = peer.start(&ctx.servers.pg_socket_folder(), database)?;
        let requests = Scans::of_ids(people, places);
        let db = connect(&database.url, 1).await?;
        Ok(Self { name: peer.name().to_owned(), server: Server::Peer(running), requests, db })
    }

    fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(match &self.server {
            Server::Product(product) => product.url.trim_start_matches("http://").parse()?,
            Server::Peer(running) => running.address,
        })
    }

    fn cpu_seconds(&self) -> f64 {
        match &self.server {
            Server::Product(product) => product.cpu_seconds(),
            Server::Peer(running) => running.cpu_seconds(),
        }
    }

    /// One measurement on empty tables.
    pub async fn measure(
        &self,
        ctx: &Ctx,
        connections: usize,
        load: Load,
        results: &mut Results,
    ) -> anyhow::Result<Outcome> {
        self.empty_tables(ctx).await?;
        let plan = Plan {
            connections,
            load,
            warm_up: WARM_UP,
            measured: Duration::from_secs(ctx.seconds),
            wanted: 201,
        };
        let mut cpu_times = Vec::new();
        let read = || cpu_times.push((self.cpu_seconds(), cpu::seconds(ctx.servers.pg_pid)));
        let outcome = generator::run(self.address()?, plan, Arc::clone(&self.requests), read).await?;
        if let [before, after] = cpu_times[..] {
            results.take(&outcome, after.0 - before.0, after.1 - before.1);
        }
        Ok(outcome)
    }

    async fn empty_tables(&self, ctx: &Ctx) -> anyhow::Result<()> {
        let postgres = self.db.get_database_backend() == sea_orm::DbBackend::Postgres;
        let statements: &[&str] = if postgres {
            &["TRUNCATE scan, scan_key"]
        } else {
            &["DELETE FROM scan", "DELETE FROM scan_key"]
        };
        for statement in statements {
            self.db.execute_unprepared(statement).await?;
        }
        ctx.servers.checkpoint().await
    }

    pub async fn stop(self, ctx: &Ctx) -> anyhow::Result<()> {
        self.db.close().await?;
        match self.server {
            Server::Product(product) => product.stop(&ctx.servers).await,
            Server::Peer(running) => {
                drop(running);
                Ok(())
            }
        }
    }
}

/// A database with our tables and today's partitions, for the peers.
pub async fn peers_database(ctx: &Ctx) -> anyhow::Result<Database> {
    use mashang_migration::MigratorTrait;
    let database = ctx.servers.database("peers").await?;
    let settings = mashang_config::Database {
        url: database.url.clone(),
        ..mashang_config::load_with(None, Vec::new())?.database
    };
    let db = Db::connect(&settings).await?;
    mashang_migration::Migrator::up(&db.unbounded(), None).await?;
    let now = Clock::system().now();
    partition::ensure_days(&db, now - DAY, now + 7 * DAY).await?;
    db.unbounded().close().await?;
    Ok(database)
}
