//! An alert to many people, from its approval to the last accepted message: api, notifier, PostgreSQL and Redis as in
//! production, the provider a fast fake on this host.

mod peer;
mod provider;
mod sending;
mod waiting;

use mashang_infra::redis::{RedisOptions, RedisPools};
use mashang_tests::figures::Figures;

use self::peer::Peer;
use self::provider::Provider;
use self::sending::{Sent, of_alert};
use crate::context::{Ctx, progress};
use crate::report::{Goal, Row, Section, number};

/// People of one alert.
const PEOPLE: u32 = 100_000;

/// What was measured, round by round.
#[derive(Default)]
struct Measured {
    /// Alerts a second of each peer.
    theirs: Vec<Figures>,
    single: Sent,
    batched: Sent,
    in_redis: Figures,
    in_notifier: Figures,
    in_notifier_of_few: Figures,
}

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let peers: &[Peer] = if ctx.peers { &Peer::ALL } else { &[] };
    let measured = measure(ctx, peers).await?;
    let mut section = Section::new("Dispatch");
    rates(&mut section, peers, &measured);
    costs(&mut section, measured);
    section.note(format!(
        "{} people from POST /alerts/{{id}}/approval to the last accepted message: \
         notices and deliveries are written, numbers opened, texts filled, claims, attempts and outcomes recorded, each \
         durably. The rate is people by seconds. Statements are those that PostgreSQL counted meanwhile (BEGIN and COMMIT \
         among them), all processes together. BullMQ, apalis and Celery make the same calls ({} of them), BullMQ and apalis \
         64 at a time, Celery in 4 processes, and record nothing; their time begins with the first job, when all (of \
         apalis 5,000) are queued. The notifier's memory is VmRSS ten seconds after its start, with that many \
         due deliveries in the database and in its queue, and a gateway that takes one call a second, less that of one \
         with an empty queue.",
        number(f64::from(PEOPLE)),
        Peer::ALL.map(|peer| number(f64::from(peer.jobs()))).join(", "),
    ));
    Ok(section)
}

async fn measure(ctx: &Ctx, peers: &[Peer]) -> anyhow::Result<Measured> {
    let provider = Provider::start()?;
    let mut measured = Measured { theirs: vec![Figures::default(); peers.len()], ..Measured::default() };
    for round in 1..=ctx.rounds {
        for (peer, rate) in peers.iter().zip(&mut measured.theirs) {
            rate.push(peer.alerts_per_second(ctx, &provider).await?);
            progress(format!("dispatch: round {round}: {} {:?} alerts/s", peer.name(), rate.0));
        }
        of_alert(ctx, &provider, 1, PEOPLE, &mut measured.single).await?;
        of_alert(ctx, &provider, 100, PEOPLE, &mut measured.batched).await?;
        measured.in_redis.push(waiting::in_redis(ctx).await?);
        let growth = waiting::in_notifier(ctx, &provider).await?;
        measured.in_notifier.push(growth.all - growth.few);
        measured.in_notifier_of_few.push(growth.few);
        progress(format!(
            "dispatch: round {round}: single {:?}, batched {:?} alerts/s",
            measured.single.rate.0, measured.batched.rate.0
        ));
    }
    Ok(measured)
}

/// How fast everybody is.
fn rates(section: &mut Section, peers: &[Peer], measured: &Measured) {
    let Measured { theirs, single, batched, .. } = measured;
    for (peer, rate) in peers.iter().zip(theirs) {
        section.push(Row::new(format!("{}, one call an alert", peer.name()), "alerts/s", rate.clone()));
    }
    section.push(Row::new("one call an alert", "alerts/s", single.rate.clone()));
    for (peer, rate) in peers.iter().zip(theirs) {
        let what = format!("one call an alert, beside {}", peer.name());
        let row = Row::new(what, "alerts/s", single.rate.clone()).against(peer.name(), rate);
        section.push(match peer {
            Peer::BullMq | Peer::Apalis => row.goal(Goal::AtLeast(5.0)),
            Peer::Celery => row,
        });
    }
    let row = Row::new("100 alerts a call", "alerts/s", batched.rate.clone());
    section.push(row.goal(Goal::AtLeast(30_000.0)));
}

/// What it takes.
fn costs(section: &mut Section, measured: Measured) {
    let Measured { single, batched, in_redis, in_notifier, in_notifier_of_few, .. } = measured;
    for (name, statements) in
        [("one call an alert", single.statements), ("100 alerts a call", batched.statements)]
    {
        let row = Row::new(format!("{name}: statements of an alert"), "", statements);
        section.push(row.goal(Goal::AtMost(0.05)));
    }
    for (name, first) in [("one call an alert", single.first), ("100 alerts a call", batched.first)] {
        section.push(Row::new(format!("{name}: approval to the first message"), "ms", first));
    }
    for (name, ours, theirs) in [
        ("one call an alert", single.cpu, single.cpu_of_database),
        ("100 alerts a call", batched.cpu, batched.cpu_of_database),
    ] {
        section.push(Row::new(format!("{name}: CPU of api and notifier, 1,000 alerts"), "ms", ours));
        section.push(Row::new(format!("{name}: CPU of PostgreSQL, 1,000 alerts"), "ms", theirs));
    }
    section.push(Row::new("1 million waiting alerts in Redis", "MB", in_redis).goal(Goal::AtMost(200.0)));
    section.push(Row::new(
        "10,000 waiting alerts: a notifier at work, beside one at rest",
        "MB",
        in_notifier_of_few,
    ));
    let row = Row::new("1 million waiting alerts: the notifier, beside that", "MB", in_notifier);
    section.push(row.goal(Goal::AtMost(20.0)));
}

fn redis_pools(ctx: &Ctx) -> anyhow::Result<RedisPools> {
    Ok(RedisPools::connect(&ctx.servers.redis_url, RedisOptions::default())?)
}
