//! The health code: guards who check it, phones that show it, people who declare.

mod crowd;
mod offline;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_tests::figures::Figures;
use mashang_tests::health::declaration;
use mashang_tests::place::Form;
use serde_json::json;

use crate::context::{Ctx, progress};
use crate::generator::{self, Load, Outcome, Plan, Requests};
use crate::population::{self, Person};
use crate::product::{Product, Wanted};
use crate::report::{Goal, Row, Section, number};
use crate::servers::connect;
use crate::staff;

/// People with codes.
const PEOPLE: u32 = 20_000;
/// People who declare for the first time in a round.
const FRESH: u32 = 40_000;
/// 1,400 gates, one person in ten seconds at each, three times that at the peak.
const GATES: f64 = 420.0;
const CLIENTS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(3);

/// One request after the other from a list that comes round.
struct Listed {
    requests: Vec<Vec<u8>>,
    next: AtomicU64,
}

impl Listed {
    fn new(requests: Vec<Vec<u8>>) -> Arc<Self> {
        Arc::new(Self { requests, next: AtomicU64::new(0) })
    }
}

impl Requests for Listed {
    fn write(&self, _connection: usize, _n: usize, buffer: &mut Vec<u8>) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let n = usize::try_from(n % self.requests.len() as u64).unwrap_or(0);
        buffer.extend_from_slice(&self.requests[n]);
    }
}

fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(400 + body.len());
    let _ = write!(
        bytes,
        "{method} /api/v1{path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    bytes
}

struct Bench {
    product: Product,
    db: Db,
    keys: Arc<mashang_infra::keys::KeyRing>,
    people: Vec<Person>,
    guard: String,
    /// Numbers of people who have declared.
    declared: u32,
}

impl Bench {
    async fn start(ctx: &Ctx) -> anyhow::Result<Self> {
        let changes = ctx.changes();
        let wanted =
            Wanted { form: Form::Service, name: "health", sections: "", changes: &changes, notifier: false };
        let product = Product::start(&ctx.servers, &wanted).await?;
        let keys = Arc::new(population::keys(&product.keys_file())?);
        let settings = mashang_config::Database {
            url: product.database_url.clone(),
            max_connections: 4,
            ..mashang_config::load_with(None, Vec::new())?.database
        };
        let db = Db::connect(&settings).await?;
        let now = Clock::system().now();
        let own = connect(&product.database_url, 1).await?;
        let people = population::people(&own, &keys, 0..PEOPLE, now).await?;
        own.close().await?;
        crowd::declare(&db, &keys, &people, now).await?;
        let guard = staff::token(&product, "guard").await?;
        Ok(Self { product, db, keys, people, guard, declared: PEOPLE })
    }

    async fn measure(
        &self,
        ctx: &Ctx,
        load: Load,
        wanted: u16,
        requests: Arc<Listed>,
    ) -> anyhow::Result<Outcome> {
        ctx.servers.checkpoint().await?;
        let address: SocketAddr = self.product.url.trim_start_matches("http://").parse()?;
        let measured = Duration::from_secs(ctx.seconds);
        let plan = Plan { connections: CLIENTS, load, warm_up: WARM_UP, measured, wanted };
        generator::run(address, plan, requests, || {}).await
    }

    /// Every code once, and again: what a guard sends.
    async fn checks(&self) -> anyhow::Result<Arc<Listed>> {
        let codes = crowd::codes(&self.db, &self.keys).await?;
        let body = |code: &String| json!({ "token": code, "place": "东门" }).to_string();
        let requests =
            codes.iter().map(|code| request("POST", "/checkpoints/verifications", &self.guard, &body(code)));
        Ok(Listed::new(requests.collect()))
    }

    fn displays(&self) -> Arc<Listed> {
        let show = |person: &Person| request("GET", "/me/health-code", &person.token, "");
        Listed::new(self.people.iter().map(show).collect())
    }

    /// People who have not declared yet, each once.
    async fn declarations(&mut self) -> anyhow::Result<Arc<Listed>> {
        let numbers = self.declared..self.declared + FRESH;
        let own = connect(&self.product.database_url, 1).await?;
        let fresh = population::people(&own, &self.keys, numbers.clone(), Clock::system().now()).await?;
        own.close().await?;
        self.declared = numbers.end;
        let declare = |(n, person): (u32, &Person)| {
            let body = declaration(&crowd::number(n as usize), &json!({})).to_string();
            request("POST", "/me/declarations", &person.token, &body)
        };
        Ok(Listed::new(numbers.zip(&fresh).map(declare).collect()))
    }
}

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Health code");
    let mut bench = Bench::start(ctx).await?;
    let (mut gate, mut most, mut shown, mut made) =
        (Latencies::default(), Latencies::default(), Latencies::default(), Latencies::default());
    let (mut offline, mut bare) = (Figures::default(), Figures::default());
    for _ in 0..ctx.rounds {
        let checks = bench.checks().await?;
        gate.take("gates", &bench.measure(ctx, Load::Open { rate: GATES }, 200, checks).await?);
        let checks = bench.checks().await?;
        most.take("gates at most", &bench.measure(ctx, Load::Closed, 200, checks).await?);
        shown.take("phones", &bench.measure(ctx, Load::Closed, 200, bench.displays()).await?);
        let declarations = bench.declarations().await?;
        made.take("declarations", &bench.measure(ctx, Load::Closed, 201, declarations).await?);
        let time = Duration::from_secs(ctx.seconds.min(4));
        offline.push(offline::codes_per_second(time)?);
        bare.push(offline::signatures_per_second(time)?);
    }
    section.push(Row::new(format!("gates, open loop at {GATES}/s: p50"), "ms", gate.p50));
    section.push(Row::new("gates, p99", "ms", gate.p99).goal(Goal::AtMost(20.0)));
    section.push(Row::new(format!("gates, {CLIENTS} clients, at most"), "checks/s", most.rate));
    section.push(Row::new("gates, p99 then", "ms", most.p99));
    section.push(Row::new(format!("phones, {CLIENTS} clients: codes with their QR"), "codes/s", shown.rate));
    section.push(Row::new(format!("declaration to colour, {CLIENTS} clients"), "/s", made.rate));
    section.push(Row::new("declaration to colour, p99", "ms", made.p99));
    section.push(
        Row::new("offline, one core", "codes/s", offline)
            .against("bare Ed25519", &bare)
            .goal(Goal::AtLeast(0.8)),
    );
    section.push(Row::new("bare Ed25519 (strict), one core", "signatures/s", bare));
    section.note(format!(
        "{} people have codes; every check is of another one, is written down before it is answered and looks for an \
         earlier showing. A declaration is sealed, checked and coloured. A code has 147 \
         characters: QR version 6 at level M, 41 modules a side.",
        number(f64::from(PEOPLE))
    ));
    bench.db.unbounded().close().await?;
    bench.product.stop(&ctx.servers).await?;
    Ok(section)
}

#[derive(Default)]
struct Latencies {
    rate: Figures,
    p50: Figures,
    p99: Figures,
}

impl Latencies {
    fn take(&mut self, what: &str, outcome: &Outcome) {
        progress(format!(
            "{what}: {}/s, p50 {} ms, p99 {} ms, max {} ms; others {:?}; generator late {:?}",
            number(outcome.rate()),
            number(outcome.millis(0.5)),
            number(outcome.millis(0.99)),
            number(outcome.max_millis()),
            outcome.bad,
            outcome.late
        ));
        self.rate.push(outcome.rate());
        self.p50.push(outcome.millis(0.5));
        self.p99.push(outcome.millis(0.99));
    }
}
