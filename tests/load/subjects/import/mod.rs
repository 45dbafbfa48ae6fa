//! A file of visits into the database: `mashang-api import visits FILE`, beside what the database takes at most.

mod file;
mod limit;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mashang_domain::time::{DAY, Timestamp};
use mashang_domain::venue::{Address, Category, DivisionCode, ExternalRef, VenueName, VenueState};
use mashang_infra::clock::Clock;
use mashang_infra::db::Db;
use mashang_infra::store::partition;
use mashang_infra::store::venue::{self, NewVenue};
use mashang_tests::figures::Figures;
use mashang_tests::place::Form;
use mashang_tests::process::command;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::context::{Ctx, progress};
use crate::product::{Product, Wanted};
use crate::report::{Goal, Row, Section, number};
use crate::{cpu, population};

/// Lines of the file that counts, and of its beginning, whose memory is compared: as many people a day, fewer days.
const LINES: u64 = 1_000_000;
const FEW: u64 = 400_000;

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Import");
    for (form, whom) in
        [(Form::Service, "COPY of 1,024 rows, 4 connections"), (Form::Sqlite, "transactions of 4,096 rows")]
    {
        let m = of_form(ctx, form).await?;
        let name =
            |what: &str| format!("{}: {what}", if form == Form::Service { "PostgreSQL" } else { "SQLite" });
        section.push(Row::new(name(whom), "rows/s", m.limit.clone()));
        let row = Row::new(name("import, new people"), "lines/s", m.rate.clone());
        section.push(row.against("that", &m.limit).goal(Goal::AtLeast(0.5)));
        section.push(Row::new(name("CPU of the importer, 1,000 lines"), "ms", m.cpu));
        section.push(Row::new(name("peak memory, the first 400,000 lines"), "MB", m.memory_of_few.clone()));
        let row = Row::new(name("peak memory, 1,000,000 lines"), "MB", m.memory);
        section.push(row.against("400,000", &m.memory_of_few).goal(Goal::AtMost(1.15)));
    }
    section.note(format!(
        "{} lines of ten days in the order of time, of {} people nobody knows yet, at {} venues. Every line's number is \
         hashed, and sealed for a new person; its venue is resolved; the two-minute rule and plausibility are applied; \
         rows go into daily partitions with all indexes, each chunk in one durable transaction with the note that it is \
         done. The limit writes the same rows, made up beforehand, into the same tables. Memory is VmHWM.",
        number(LINES as f64),
        number((LINES / 5) as f64),
        number(f64::from(file::VENUES)),
    ));
    Ok(section)
}

#[derive(Default)]
struct Measured {
    limit: Figures,
    rate: Figures,
    cpu: Figures,
    memory: Figures,
    memory_of_few: Figures,
}

async fn of_form(ctx: &Ctx, form: Form) -> anyhow::Result<Measured> {
    let wanted = Wanted { form, name: "import", sections: "", changes: &[], notifier: false };
    let product = Product::start(&ctx.servers, &wanted).await?;
    let env = vec![("MASHANG__DATABASE__URL".to_owned(), product.database_url.clone())];
    let mut settings = mashang_config::load_with(None, env)?;
    settings.database.statement_timeout_ms = 0;
    let db = Db::connect(&settings.database).await?;
    let now = Clock::system().now();
    partition::ensure_days(&db, now - 12 * DAY, now).await?;
    venues(&product, &db, now).await?;
    let (many, few) = (product.path("many.csv"), product.path("few.csv"));
    file::write(&many, LINES, LINES, now)?;
    file::write(&few, FEW, LINES, now)?;
    let mut m = Measured::default();
    for round in 1..=ctx.rounds {
        ctx.servers.checkpoint().await?;
        m.limit.push(match form {
            Form::Service => limit::copy(&product.database_url, LINES, now).await?,
            Form::Sqlite => limit::sqlite(&db, LINES, now).await?,
        });
        for (path, lines) in [(&few, FEW), (&many, LINES)] {
            empty(&db).await?;
            ctx.servers.checkpoint().await?;
            let run = import(&product, path, lines)?;
            if lines == FEW {
                m.memory_of_few.push(run.peak_mb);
                continue;
            }
            m.rate.push(lines as f64 / run.seconds);
            m.cpu.push(run.cpu_seconds * 1_000.0 / (lines as f64 / 1_000.0));
            m.memory.push(run.peak_mb);
        }
        progress(format!("import: round {round}: {:?} lines/s, limit {:?} rows/s", m.rate.0, m.limit.0));
    }
    product.stop(&ctx.servers).await?;
    Ok(m)
}

/// As before the first import.
async fn empty(db: &Db) -> anyhow::Result<()> {
    let tables = ["scan", "import_chunk", "import_job", "person"];
    for table in tables {
        db.unbounded().execute_unprepared(&format!("DELETE FROM {table}")).await?;
    }
    if db.is_postgres() {
        db.unbounded().execute_unprepared("TRUNCATE scan").await?;
        db.unbounded().execute_unprepared("VACUUM person").await?;
        return Ok(());
    }
    Ok(db.rebuild().await?)
}

struct Imported {
    seconds: f64,
    cpu_seconds: f64,
    peak_mb: f64,
}

/// Runs the command to its end. Its lines must all be there.
fn import(product: &Product, file: &Path, lines: u64) -> anyhow::Result<Imported> {
    let config = product.path("mashang.toml");
    let args = ["--config", &config.to_string_lossy(), "import", "visits", &file.to_string_lossy()];
    let log = std::fs::File::create(product.path("import.log"))?;
    let begun = Instant::now();
    let mut child =
        command("mashang-api", &args, &[])?.stdout(std::process::Stdio::piped()).stderr(log).spawn()?;
    let mut done = Imported { seconds: 0.0, cpu_seconds: 0.0, peak_mb: 0.0 };
    while child.try_wait()?.is_none() {
        done.peak_mb = cpu::peak_mb(child.id()).max(done.peak_mb);
        done.cpu_seconds = cpu::seconds(child.id()).max(done.cpu_seconds);
        std::thread::sleep(Duration::from_millis(20));
    }
    done.seconds = begun.elapsed().as_secs_f64();
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = std::fs::read_to_string(product.path("import.log")).unwrap_or_default();
    ensure!(output.status.success(), "import: {log}");
    let report: serde_json::Value =
        serde_json::from_str(&said).with_context(|| format!("the report: {said} {log}"))?;
    let count = |name: &str| report[name].as_u64().unwrap_or(0);
    ensure!(count("recorded") + count("repeats") + count("duplicates") == lines, "{report}");
    ensure!(count("rejected") == 0 && count("skipped") == 0, "{report}");
    Ok(done)
}

/// The venues that the file names.
async fn venues(product: &Product, db: &Db, now: Timestamp) -> anyhow::Result<()> {
    let keys = population::keys(&product.keys_file())?;
    let venue = |number: u32| {
        anyhow::Ok(NewVenue {
            id: Uuid::now_v7(),
            external_ref: Some(ExternalRef::parse(&file::reference(number))?),
            name: VenueName::parse(&format!("店 {number}"))?,
            category: Category::Restaurant,
            division_code: DivisionCode::parse("530102")?,
            address: Address::parse("翠湖南路 1 号")?,
            contact: None,
            position: Some((25.0 + f64::from(number % 50) * 0.001, 102.7 + f64::from(number / 50) * 0.001)),
            indoor: None,
            state: VenueState::Approved,
            manager_id: None,
            decided_by: None,
        })
    };
    let all = (0..file::VENUES).map(venue).collect::<anyhow::Result<Vec<_>>>()?;
    let tx = db.begin_write().await?;
    venue::insert(&*tx, &keys, all, now).await?;
    Ok(tx.commit().await?)
}
