//! The trace of one case in a city of a million scans and in one of ten million, beside what one would type by hand.

mod by_hand;
mod world;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_domain::time::{DAY, HOUR, MINUTE, Timestamp};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_tests::Client;
use mashang_tests::figures::Figures;
use mashang_tests::place::Form;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};

use self::by_hand::{Stay, WHO_CAME, WHO_WAS_THERE};
use crate::context::{Ctx, progress};
use crate::product::{Product, Wanted};
use crate::report::{Goal, Row, Section, number};
use crate::{population, staff};

const MILLIONS: [i64; 2] = [1, 10];

/// Visits of the case, in the 14 days of its window.
const VISITS: i64 = 40;

/// The usual stay of a restaurant and the after-window, as they are set.
const DWELL: i64 = 2 * HOUR;
const WINDOW: i64 = 30 * MINUTE;

/// Questions of one round; the middle one counts.
const QUESTIONS: usize = 7;

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Trace");
    let mut small: Option<Measured> = None;
    for millions in MILLIONS {
        let measured = of_world(ctx, millions).await?;
        rows(&mut section, millions, &measured);
        if let Some(small) = &small {
            ensure!(small.answer == measured.answer, "the same case has another answer in the larger world");
            let row = Row::new(format!("{millions} million scans: API"), "ms", measured.api.clone());
            section.push(row.against(format!("{} million", MILLIONS[0]), &small.api).goal(Goal::AtMost(1.3)));
        }
        small = Some(measured);
    }
    section.note(format!(
        "A case with {VISITS} visits in 14 days, six of them at the busiest venue (15 % of all scans around it); the \
         larger world adds other people at other venues, so the answer is the same, row by row. POST /traces computes, \
         freezes, hashes and answers; by hand is the bare statement on one connection, warm, rows fetched. `who came` \
         lists in-scans; `who was there` also looks up everybody's next scan within the usual stay. Ours also finds \
         who stayed longer than usual, tells meetings from gaps, and has levels. The ratio that is judged leaves out \
         1 ms for every 1,000 contacts that are written. 100 million scans need some 60 GB and were not measured."
    ));
    Ok(section)
}

/// What one world came to.
struct Measured {
    api: Figures,
    statement: Figures,
    came: Figures,
    there: Figures,
    contacts: usize,
    people_by_hand: [usize; 2],
    /// A digest of who was met, at what level, how often.
    answer: String,
}

fn rows(section: &mut Section, millions: i64, m: &Measured) {
    let name = |what: &str| format!("{millions} million scans: {what}");
    let [came, there] = m.people_by_hand.map(|n| number(n as f64));
    section.push(Row::new(name(&format!("by hand, who came ({came} people)")), "ms", m.came.clone()));
    section.push(Row::new(name(&format!("by hand, who was there ({there} people)")), "ms", m.there.clone()));
    section.push(Row::new(name("our statement alone"), "ms", m.statement.clone()));
    section.push(Row::new(
        name(&format!("API ({} contacts)", number(m.contacts as f64))),
        "ms",
        m.api.clone(),
    ));
    let less: Figures = m.api.0.iter().map(|ms| ms - m.contacts as f64 / 1_000.0).collect();
    for (whom, hand) in [("who came", &m.came), ("who was there", &m.there)] {
        let row = Row::new(name("API less 1 ms per 1,000 contacts"), "ms", less.clone());
        section.push(row.against(whom, hand).goal(Goal::AtMost(1.5)));
    }
}

async fn of_world(ctx: &Ctx, millions: i64) -> anyhow::Result<Measured> {
    let wanted = Wanted { form: Form::Service, name: "trace", sections: "", changes: &[], notifier: false };
    let product = Product::start(&ctx.servers, &wanted).await?;
    let db = connect(&product).await?;
    let begun = Instant::now();
    let today = Clock::system().now().shanghai_day_start();
    let first = today - world::DAYS * DAY;
    world::make(&db, millions, first).await?;
    let stays = stays(first);
    let official = staff::signed_in(&product, "official").await?;
    let case = make_case(&product, &db, &official, &stays, today).await?;
    db.unbounded().execute_unprepared("VACUUM ANALYZE").await?;
    ctx.servers.checkpoint().await?;
    progress(format!(
        "trace: {millions} million scans are there after {:.0} s",
        begun.elapsed().as_secs_f64()
    ));

    let mut m = Measured {
        api: Figures::default(),
        statement: Figures::default(),
        came: Figures::default(),
        there: Figures::default(),
        contacts: 0,
        people_by_hand: [0; 2],
        answer: String::new(),
    };
    let ours = ours(&stays);
    let (mut trace, mut hand) = (Value::Null, [0; 2]);
    // One round to warm up, whose figures are dropped.
    for round in 0..=ctx.rounds {
        let mut api = Vec::new();
        let (mut statement, mut came, mut there) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..QUESTIONS {
            let at = Instant::now();
            hand[0] = by_hand::ask(&db.unbounded(), WHO_CAME, &stays).await?;
            came.push(at.elapsed());
            let at = Instant::now();
            hand[1] = by_hand::ask(&db.unbounded(), WHO_WAS_THERE, &stays).await?;
            there.push(at.elapsed());
            let at = Instant::now();
            mashang_infra::store::trace_result::find(
                &db,
                &ours,
                &Default::default(),
                &Default::default(),
                60_000,
            )
            .await?;
            statement.push(at.elapsed());
            let at = Instant::now();
            trace = official.post("/traces", json!({ "case_ids": [case] })).await.ok(201);
            api.push(at.elapsed());
        }
        if round > 0 {
            for (figures, times) in
                [(&mut m.api, api), (&mut m.statement, statement), (&mut m.came, came), (&mut m.there, there)]
            {
                figures.push(middle(times));
            }
        }
    }
    m.people_by_hand = hand;
    m.contacts = usize::try_from(trace["counts"]["people"].as_u64().context("a count")?)?;
    m.answer = answer(&db.unbounded(), trace["id"].as_str().context("an id")?).await?;
    product.stop(&ctx.servers).await?;
    Ok(m)
}

/// Milliseconds of the middle one.
fn middle(times: Vec<Duration>) -> f64 {
    times.into_iter().map(|t| t.as_secs_f64() * 1_000.0).collect::<Figures>().median()
}

/// The case's visits: three quarters of an hour each, at venues as popular as those of anybody else.
fn stays(first: Timestamp) -> Vec<Stay> {
    let stay = |i: i64| {
        let popular = ((i as f64 + 0.5) / VISITS as f64).powi(4) * 2_000.0;
        let start = first + (world::DAYS - 14 + i * 14 / VISITS) * DAY + (8 + i * 7 % 13) * HOUR;
        Stay { venue: world::venue(popular as u32), start, end: start + 45 * MINUTE }
    };
    (0..VISITS).map(stay).collect()
}

/// The index person with scans for every visit, and the case as an official enters it. Returns its id.
async fn make_case(
    product: &Product,
    db: &Db,
    official: &Client,
    stays: &[Stay],
    today: Timestamp,
) -> anyhow::Result<Value> {
    let keys = population::keys(&product.keys_file())?;
    let people = population::people(&db.unbounded(), &keys, 0..1, Timestamp(0)).await?;
    for stay in stays {
        for (direction, at) in [("in", stay.start), ("out", stay.end)] {
            let sql = "INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, source) \
                VALUES (gen_random_uuid(), $1, $2, $3, $4, $4, 'app')";
            let values = [people[0].id.into(), stay.venue.into(), direction.into(), at.millis().into()];
            db.unbounded().execute_raw(statement(sql, values)).await?;
        }
    }
    let body = json!({ "phone": "15400000000", "reported_at": today, "onset_at": today - 12 * DAY });
    Ok(official.post("/cases", body).await.ok(201)["id"].clone())
}

/// What the trace starts from, for the statement alone.
fn ours(stays: &[Stay]) -> Vec<mashang_domain::trace::CaseVisit> {
    let visit = |stay: &Stay| mashang_domain::trace::CaseVisit {
        case: mashang_domain::trace::CaseRef::Case(uuid::Uuid::nil()),
        person_id: None,
        visit_id: None,
        venue_id: stay.venue,
        zone_id: None,
        start: stay.start,
        end: stay.end,
        dwell_ms: DWELL,
        after_ms: WINDOW,
        indoor: true,
        suspect: false,
    };
    stays.iter().map(visit).collect()
}

/// Connections as the product opens them.
async fn connect(product: &Product) -> anyhow::Result<Db> {
    let env = vec![("MASHANG__DATABASE__URL".to_owned(), product.database_url.clone())];
    let mut settings = mashang_config::load_with(None, env)?;
    settings.database.statement_timeout_ms = 0;
    settings.database.max_connections = 2;
    Ok(Db::connect(&settings.database).await?)
}

async fn answer(db: &DatabaseConnection, trace: &str) -> anyhow::Result<String> {
    let sql = format!(
        "SELECT md5(string_agg(person_id::text || level || jsonb_array_length(meetings), ',' ORDER BY person_id)) \
         FROM trace_contact WHERE trace_id = '{trace}'"
    );
    texts(db, &sql).await?.pop().context("an answer")
}

/// The first column of every row.
async fn texts(db: &DatabaseConnection, sql: &str) -> anyhow::Result<Vec<String>> {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}

fn statement(sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}
