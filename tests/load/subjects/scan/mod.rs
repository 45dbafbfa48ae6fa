//! Scans over HTTP, each durable before it is answered, beside what others do with the same request.

mod contestant;
mod limit;
mod requests;

use mashang_tests::figures::Figures;
use mashang_tests::place::Form;

use self::contestant::{Contestant, Results, Sessions, peers_database};
use crate::context::{Ctx, progress};
use crate::generator::Load;
use crate::peers::Peer;
use crate::report::{Goal, Row, Section, number};

const CLIENTS: [usize; 2] = [64, 256];
/// Shares of what 256 clients reached, for the open loop.
const SHARES: [f64; 4] = [0.3, 0.5, 0.7, 0.9];
/// Shares of it that are too much, over so many connections that they do not bound it.
const OVERLOADS: [f64; 2] = [1.5, 2.0];
const CROWD: usize = 2_048;
const PEERS: [Peer; 5] = [Peer::Ceiling, Peer::SeaOrm, Peer::TokioPostgres, Peer::Fastify, Peer::Fastapi];

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Scans over HTTP");
    let database = peers_database(ctx).await?;
    let (ours, people, places) = Contestant::ours(ctx, Form::Service, Sessions::Cached).await?;
    let mut contestants = vec![ours];
    for peer in PEERS.into_iter().filter(|peer| ctx.peers || *peer == Peer::Ceiling) {
        contestants.push(Contestant::peer(ctx, peer, &database, &people, &places).await?);
    }
    contestants.push(Contestant::ours(ctx, Form::Service, Sessions::LookedUp).await?.0);
    contestants.push(Contestant::ours(ctx, Form::Sqlite, Sessions::Cached).await?.0);
    let mut limit = Figures::default();
    for _ in 0..ctx.rounds {
        limit.push(limit::rows_per_second(ctx, &database).await?);
    }
    for clients in CLIENTS {
        let results = closed_loop(ctx, &contestants, clients).await?;
        rows_of_closed_loop(&mut section, &contestants, &results, clients, &limit);
        if clients == CLIENTS[1] {
            open_loop(ctx, &contestants[0], results[0].rate.median(), &mut section).await?;
        }
    }
    section.push(Row::new(
        format!("database alone: {} rows a statement, 4 connections", limit::ROWS),
        "rows/s",
        limit,
    ));
    for contestant in contestants {
        contestant.stop(ctx).await?;
    }
    ctx.servers.drop_database(database).await?;
    section.note(
        "Every request is the scan of another person of 60,000 at one of 2,000 venues, over kept connections. Ours looks \
         up the session, checks the code, judges plausibility and repetition, and answers after the commit; the peers \
         parse the same JSON and insert one row of the same table. CPU counts the server's processes, and PostgreSQL's \
         apart. Each round measures everybody in turn on empty tables; ratios are taken round by round.",
    );
    Ok(section)
}

/// More than fits: what is served then, and how soon the others hear that they have to come again.
pub async fn overload(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Overload");
    let (ours, ..) = Contestant::ours(ctx, Form::Service, Sessions::Cached).await?;
    let mut contestants = vec![ours];
    let capacity = closed_loop(ctx, &contestants, CLIENTS[1]).await?.remove(0).rate;
    section.push(Row::new("capacity, 256 clients", "scans/s", capacity.clone()));
    for share in OVERLOADS {
        let rate = capacity.median() * share;
        let (mut results, mut refused, mut told) =
            (Results::default(), Figures::default(), Figures::default());
        for _ in 0..ctx.rounds {
            let load = Load::Open { rate };
            let outcome = contestants[0].measure(ctx, CROWD, load, &mut results).await?;
            refused.push(outcome.errors() as f64 / outcome.seconds);
            told.push(outcome.refusal_millis(0.99));
            progress(format!(
                "overload: {}/s wanted, {} served, p99 {} ms; others {:?}, p99 {} ms; generator late {:?}",
                number(rate),
                number(outcome.rate()),
                number(outcome.millis(0.99)),
                outcome.bad,
                number(outcome.refusal_millis(0.99)),
                outcome.late
            ));
        }
        let name = format!("{:.0} % of capacity, {CROWD} connections", share * 100.0);
        section.push(Row::new(format!("{name}: refused"), "/s", refused));
        section.push(Row::new(format!("{name}: refused within, p99"), "ms", told));
        section.push(Row::new(format!("{name}: served within, p99"), "ms", results.p99));
        let served = Row::new(format!("{name}: served"), "scans/s", results.rate);
        section.push(served.against("capacity", &capacity).goal(Goal::AtLeast(0.8)));
    }
    section.note(
        "Times are counted from when a request should have been sent; while all connections wait, that is the generator's \
         own queue, which no server can shorten.",
    );
    if let Some(ours) = contestants.pop() {
        ours.stop(ctx).await?;
    }
    Ok(section)
}

/// Ours alone, with the larger crowd: to try a change or a setting out in half a minute.
pub async fn tune(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Scans over HTTP, ours alone");
    let (ours, ..) = Contestant::ours(ctx, Form::Service, Sessions::Cached).await?;
    let mut contestants = vec![ours];
    let results = closed_loop(ctx, &contestants, CLIENTS[1]).await?;
    rows_of_closed_loop(&mut section, &contestants, &results, CLIENTS[1], &Figures::default());
    if let Some(ours) = contestants.pop() {
        ours.stop(ctx).await?;
    }
    Ok(section)
}

/// Everybody in turn, round after round.
async fn closed_loop(ctx: &Ctx, contestants: &[Contestant], clients: usize) -> anyhow::Result<Vec<Results>> {
    let mut results: Vec<Results> = contestants.iter().map(|_| Results::default()).collect();
    for round in 1..=ctx.rounds {
        for (contestant, results) in contestants.iter().zip(&mut results) {
            let outcome = contestant.measure(ctx, clients, Load::Closed, results).await?;
            progress(format!(
                "scan: {clients} clients, round {round}: {}/s, p99 {} ms, {} errors {:?}: {}",
                number(outcome.rate()),
                number(outcome.millis(0.99)),
                outcome.errors(),
                outcome.bad,
                contestant.name
            ));
        }
    }
    Ok(results)
}

fn rows_of_closed_loop(
    section: &mut Section,
    contestants: &[Contestant],
    results: &[Results],
    clients: usize,
    limit: &Figures,
) {
    // The goals are about the larger crowd.
    let judged = clients == CLIENTS[1];
    let with = |row: Row, goal: Goal| if judged { row.goal(goal) } else { row };
    let ours = &results[0];
    for (contestant, r) in contestants.iter().zip(results) {
        let name = format!("{clients} clients: {}", contestant.name);
        section.push(Row::new(&name, "scans/s", r.rate.clone()));
        let row = Row::new(format!("{name}, p50"), "ms", r.p50.clone());
        section.push(row);
        let row = Row::new(format!("{name}, p99"), "ms", r.p99.clone());
        let is_ours = std::ptr::eq(r, ours);
        section.push(if is_ours { with(row, Goal::AtMost(60.0)) } else { row });
        section.push(Row::new(format!("{name}, longest"), "ms", r.max.clone()));
        section.push(Row::new(format!("{name}, CPU of a scan"), "µs", r.cpu.clone()));
        section.push(Row::new(format!("{name}, CPU of PostgreSQL"), "µs", r.cpu_of_database.clone()));
        section.push(Row::new(format!("{name}, errors"), "", Figures(vec![r.errors as f64])));
    }
    for (contestant, r) in contestants.iter().zip(results).skip(1) {
        let goal = [
            (Peer::Ceiling, Goal::AtLeast(0.6)),
            (Peer::SeaOrm, Goal::AtLeast(7.0)),
            (Peer::Fastify, Goal::AtLeast(8.0)),
        ];
        let goal = goal.into_iter().find(|(peer, _)| peer.name() == contestant.name).map(|(_, goal)| goal);
        let row = Row::new(format!("{clients} clients: ours"), "scans/s", ours.rate.clone())
            .against(&contestant.name, &r.rate);
        section.push(match goal {
            Some(goal) => with(row, goal),
            None => row,
        });
    }
    if !limit.0.is_empty() {
        let row = Row::new(format!("{clients} clients: ours"), "scans/s", ours.rate.clone());
        section.push(row.against("database alone", limit));
    }
}

/// Latency at a fixed rate, from when each request should have been sent.
async fn open_loop(ctx: &Ctx, ours: &Contestant, capacity: f64, section: &mut Section) -> anyhow::Result<()> {
    for share in SHARES {
        let rate = capacity * share;
        let (mut results, mut p999) = (Results::default(), Figures::default());
        for _ in 0..ctx.rounds {
            let outcome = ours.measure(ctx, CLIENTS[1], Load::Open { rate }, &mut results).await?;
            p999.push(outcome.millis(0.999));
            progress(format!(
                "scan: open loop, {}/s wanted, {} reached, p99 {} ms, generator late {:?}",
                number(rate),
                number(outcome.rate()),
                number(outcome.millis(0.99)),
                outcome.late
            ));
        }
        let name = format!("open loop, {:.0} % of capacity", share * 100.0);
        let wanted: Figures = std::iter::repeat_n(rate, ctx.rounds).collect();
        section.push(Row::new(&name, "scans/s", results.rate).against("wanted", &wanted));
        section.push(Row::new(format!("{name}, p50"), "ms", results.p50));
        section.push(Row::new(format!("{name}, p99"), "ms", results.p99));
        section.push(Row::new(format!("{name}, p99.9"), "ms", p999));
        section.push(Row::new(format!("{name}, longest"), "ms", results.max));
        section.push(Row::new(format!("{name}, errors"), "", Figures(vec![results.errors as f64])));
    }
    Ok(())
}
