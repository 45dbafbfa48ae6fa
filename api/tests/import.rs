//! Imports on both databases: the same result as scanning one by one, in any order, in one run or several.

#[path = "../../infra/tests/database/mod.rs"]
mod database;

use std::io::{Cursor, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use database::{Chance, Database, say};
use flate2::{Compression, write::GzEncoder};
use mashang_api::app::import::{
    BadLine, ImportContext, ImportError, ImportFormat, ImportOptions, ImportProgress, ImportReport, Silent,
    import_visits, phone_of_nth,
};
use mashang_domain::person::{Actor, Division, Phone};
use mashang_domain::time::{DAY, SECOND, Timestamp};
use mashang_domain::venue::plausibility::Coordinates;
use mashang_domain::venue::{Direction, ScanSource};
use mashang_entity::{scan, venue};
use mashang_infra::clock::Clock;
use mashang_infra::keys::{KeyFileSecrets, KeyRing};
use mashang_infra::lifecycle::Lifecycle;
use mashang_infra::store::import_refs;
use mashang_infra::store::scan_writer::{NewScan, ScanWriter};
use sea_orm::EntityTrait;

fn base() -> Timestamp {
    Timestamp::parse("2020-02-12T04:00:00Z").expect("parses")
}

fn context(database: &Database) -> ImportContext {
    let dir = tempfile::tempdir().expect("a directory");
    let secrets = KeyFileSecrets::create(&dir.path().join("keys.toml")).expect("made");
    ImportContext {
        db: database.db.clone(),
        keys: Arc::new(KeyRing::from_secrets(&secrets)),
        settings: Arc::new(database.settings.clone()),
        clock: Clock::fixed(base() + 30 * DAY),
    }
}

fn options(format: ImportFormat) -> ImportOptions {
    ImportOptions { chunk_lines: 16, ..ImportOptions::new(format, Actor::System("test")) }
}

async fn import(ctx: &ImportContext, text: &str, format: ImportFormat) -> ImportReport {
    let source = Cursor::new(text.to_owned().into_bytes());
    import_visits(ctx, source, options(format), &mut Silent).await.expect("imports")
}

async fn read(
    ctx: &ImportContext,
    bytes: &[u8],
    options: ImportOptions,
) -> Result<ImportReport, ImportError> {
    import_visits(ctx, Cursor::new(bytes.to_vec()), options, &mut Silent).await
}

/// Venues 0..4: a degree apart; the last one is closed.
async fn make_venues(database: &Database, ctx: &ImportContext) {
    let venue = |i: u32| import_refs::NewVenue {
        reference: format!("v{i}"),
        name: format!("Venue {i}"),
        category: mashang_domain::venue::Category::Other,
        division_code: "530102".to_owned(),
        place: Some(Coordinates { lat: 25.0 + f64::from(i), lon: 102.0 }),
    };
    let venues: Vec<_> = (0..5).map(venue).collect();
    import_refs::create_venues(&ctx.db, &ctx.keys, &venues, None, base()).await.expect("made");
    database.run("UPDATE venue SET state = 'closed' WHERE external_ref = 'v4'").await;
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    at: i64,
    person: u64,
    venue: u64,
    out: bool,
}

impl Row {
    fn line(&self) -> String {
        let direction = if self.out { "out" } else { "in" };
        // Without its country code.
        let phone = phone_of_nth(self.person) - 8_600_000_000_000;
        format!("{phone},v{},{direction},{}\n", self.venue, base() + self.at * SECOND)
    }
}

fn file(rows: &[Row]) -> String {
    rows.iter().fold("phone,venue_ref,direction,scanned_at\n".to_owned(), |text, row| text + &row.line())
}

/// Rows of a dozen people within an hour or two, so that everything overlaps; some are said twice.
fn rows(seed: u64, count: u64) -> Vec<Row> {
    let mut chance = Chance(seed);
    let mut rows: Vec<Row> = (0..count)
        .map(|_| Row {
            at: i64::try_from(chance.below(700) * 11).expect("small"),
            person: 1 + chance.below(12),
            venue: chance.below(5),
            out: chance.below(4) == 0,
        })
        .collect();
    for i in 0..rows.len() / 10 {
        rows.push(rows[i].clone());
    }
    rows.sort();
    rows
}

/// What stands in the database, without the ids that chance gave.
async fn told(database: &Database, ctx: &ImportContext) -> Vec<String> {
    let venues = venue::Entity::find().all(ctx.db.conn()).await.expect("venues");
    let name = |id| venues.iter().find(|v| v.id == id).and_then(|v| v.external_ref.clone()).expect("a venue");
    let mut phones = std::collections::HashMap::new();
    for n in 1..=12 {
        let phone = Phone::from_stored(format!("+{}", phone_of_nth(n))).expect("a number");
        let (ids, _) = import_refs::people(&ctx.db, &ctx.keys, &[phone], base()).await.expect("people");
        phones.insert(ids[0], n);
    }
    let scans = scan::Entity::find().all(database.db.conn()).await.expect("scans");
    let mut all: Vec<String> = scans
        .iter()
        .map(|s| {
            let (person, reason) = (phones[&s.person_id], s.suspect_reason.as_deref().unwrap_or("-"));
            format!("{} {person} {} {} {} {reason}", s.at, name(s.venue_id), s.direction, s.repeat)
        })
        .collect();
    all.sort();
    all
}

async fn record_one_by_one(database: &Database, ctx: &ImportContext, rows: &[Row]) {
    let life = Lifecycle::new();
    let writer = ScanWriter::start(database.db.clone(), &ctx.settings.scans, ctx.clock.clone(), &life);
    let refs: Vec<String> = (0..5).map(|i| format!("v{i}")).collect();
    let venues = import_refs::venues(ctx.db.conn(), &Division::everywhere(), &refs).await.expect("venues");
    for (i, row) in rows.iter().enumerate() {
        let phone = Phone::from_stored(format!("+{}", phone_of_nth(row.person))).expect("a number");
        let (people, _) = import_refs::people(&ctx.db, &ctx.keys, &[phone], base()).await.expect("people");
        let venue = &venues[&format!("v{}", row.venue)];
        let scan = NewScan {
            person_id: people[0],
            venue_id: venue.id,
            zone_id: None,
            direction: if row.out { Direction::Out } else { Direction::In },
            client_scan_id: i.to_string(),
            at: base() + row.at * SECOND,
            client_at: None,
            companions: 0,
            venue_ref: venue.reference.clone(),
            place: venue.place,
            venue_open: venue.open,
            source: ScanSource::App,
        };
        writer.record(scan).await.expect("recorded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_the_same_as_scanning_one_by_one_in_any_order() {
    let shape = rows(1, 300);
    let mut unique = shape.clone();
    unique.dedup();
    let mut answers: Vec<(String, Vec<String>)> = Vec::new();
    for mut database in [Database::all().await, Database::all().await, Database::all().await]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
    {
        let way = answers.len() / (1 + usize::from(std::env::var_os("TEST_PG_URL").is_some()));
        database.settings.scans.queue_max = 100;
        let ctx = context(&database);
        make_venues(&database, &ctx).await;
        match way {
            0 => record_one_by_one(&database, &ctx, &unique).await,
            1 => {
                let report = import(&ctx, &file(&shape), ImportFormat::Visits).await;
                assert_eq!((report.lines, report.duplicates), (330, 330 - unique.len() as u64));
                assert_eq!(report.recorded + report.repeats, unique.len() as u64);
                assert!(report.suspect > 10 && report.repeats > 10, "{report:?}");
            }
            _ => {
                let mut shuffled = shape.clone();
                Chance(5).shuffle(&mut shuffled);
                import(&ctx, &file(&shuffled), ImportFormat::Visits).await;
            }
        }
        answers.push((format!("{} {way}", database.name), told(&database, &ctx).await));
        database.close().await;
    }
    for (name, answer) in &answers[1..] {
        assert_eq!(answer, &answers[0].1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_settles_with_what_is_there() {
    for seed in 0..3 {
        for database in Database::all().await {
            let ctx = context(&database);
            make_venues(&database, &ctx).await;
            let mut all = rows(seed, 150);
            all.dedup();
            let mut parts = all.clone();
            Chance(seed).shuffle(&mut parts);
            let (mut live, mut early, mut late) =
                (parts[..50].to_vec(), parts[50..100].to_vec(), parts[100..].to_vec());
            live.sort();
            early.sort();
            late.sort();
            import(&ctx, &file(&early), ImportFormat::Visits).await;
            record_one_by_one(&database, &ctx, &live).await;
            import(&ctx, &file(&late), ImportFormat::Visits).await;
            let mixed = told(&database, &ctx).await;

            let fresh = if database.db.is_postgres() {
                Database::postgres().await.expect("is there")
            } else {
                Database::sqlite().await
            };
            let ctx = ImportContext { db: fresh.db.clone(), ..ctx };
            make_venues(&fresh, &ctx).await;
            import(&ctx, &file(&all), ImportFormat::Visits).await;
            assert_eq!(mixed, told(&fresh, &ctx).await, "{} {seed}", database.name);
            fresh.close().await;
            database.close().await;
        }
    }
}

/// Blocks for ever after so many bytes.
struct Stalling(Cursor<Vec<u8>>, std::sync::mpsc::Receiver<()>);

impl Read for Stalling {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => {
                // Ends when the test drops its sender.
                let _ = self.1.recv();
                Err(std::io::Error::other("killed"))
            }
            n => Ok(n),
        }
    }
}

struct Steps(tokio::sync::mpsc::UnboundedSender<u64>);

impl ImportProgress for Steps {
    fn advanced(&mut self, lines: u64, _: u64) {
        let _ = self.0.send(lines);
    }
    fn rejected(&mut self, _: &BadLine) {}
    fn settled(&mut self, _: u64) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_goes_on() {
    for database in Database::all().await {
        let ctx = context(&database);
        make_venues(&database, &ctx).await;
        // Long enough for the beginning by which a file is known.
        let text = file(&rows(3, 3_000));
        let (bytes, cut) = (text.clone().into_bytes(), 100_000);
        assert!(bytes.len() > cut);
        let (stop, stopped) = std::sync::mpsc::channel();
        let (steps, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let half = Stalling(Cursor::new(bytes[..cut].to_vec()), stopped);
        let running = {
            let ctx = ctx.clone();
            tokio::spawn(async move {
                import_visits(&ctx, half, options(ImportFormat::Visits), &mut Steps(steps)).await
            })
        };
        while seen.recv().await.is_some_and(|lines| lines < 1_000) {}
        running.abort();
        drop(running.await);
        drop(stop);
        let report = import(&ctx, &text, ImportFormat::Visits).await;
        assert!(report.skipped >= 1_000 && report.skipped < report.lines, "{report:?}");
        let there = told(&database, &ctx).await;
        assert_eq!(there.len() as u64, report.recorded + report.repeats);

        let again = import(&ctx, &text, ImportFormat::Visits).await;
        assert_eq!(
            (again.skipped, again.recorded, again.duplicates),
            (report.lines, report.recorded, report.duplicates)
        );
        assert_eq!(told(&database, &ctx).await, there);

        let fresh = if database.db.is_postgres() {
            Database::postgres().await.expect("is there")
        } else {
            Database::sqlite().await
        };
        let whole = ImportContext { db: fresh.db.clone(), ..ctx };
        make_venues(&fresh, &whole).await;
        import(&whole, &text, ImportFormat::Visits).await;
        assert_eq!(told(&fresh, &whole).await, there, "{}", database.name);
        fresh.close().await;
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_named_and_left_out() {
    for database in Database::all().await {
        let ctx = context(&database);
        make_venues(&database, &ctx).await;
        let text = b"phone,venue_ref,direction,scanned_at\n\
            13800138000,v0,in,2020-02-12T04:00:00Z\n\
            1380013800,v0,in,2020-02-12T04:00:00Z\n\
            13800138000,nowhere,in,2020-02-12T04:00:00Z\n\
            13800138000,v0,sideways,2020-02-12T04:00:00Z\n\
            13800138000,v0,in,yesterday\n\
            13800138000,v0,in,2999-02-12T04:00:00Z\n\
            13800138000,v0,in\n\
            13800138000,v\xff,in,2020-02-12T04:00:00Z\n\
            \"13800138000\",\"v1\",out,2020-02-12T12:30:00.700+08:00\n"
            .to_vec();
        let report = read(&ctx, &text, options(ImportFormat::Visits)).await.expect("imports");
        let errors: Vec<String> = report.errors.iter().map(|e| format!("{} {:?}", e.line, e.code)).collect();
        assert_eq!(
            errors,
            [
                "3 BadPhone",
                "4 UnknownVenue",
                "5 BadDirection",
                "6 BadTime",
                "7 BadTime",
                "8 WrongColumns",
                "9 NotUtf8"
            ]
        );
        assert_eq!((report.lines, report.recorded, report.rejected, report.people_made), (9, 2, 7, 1));
        assert!(
            !serde_json::to_string(&report).expect("serializes").contains("1380013"),
            "no number comes back"
        );

        // A corrected file brings what was missing, and nothing twice.
        let corrected = String::from_utf8_lossy(&text)
            .replace("\n1380013800,", "\n13800138001,")
            .replace("nowhere", "v2");
        let report = import(&ctx, &corrected, ImportFormat::Visits).await;
        assert_eq!((report.rejected, report.people_made), (5, 1), "{report:?}");
        assert_eq!(database.number("SELECT count(*) FROM scan").await, 4);

        let header = read(&ctx, b"a,b\n", options(ImportFormat::Visits));
        assert!(header.await.expect_err("refused").to_string().contains("phone"));
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_ins_make_people_and_venues_and_tell_who_became_what() {
    let text = "venue_id,venue_name_or_category,lat,lon,user_id,checked_in_at\n\
        11,Café \"Zum, Eck\",40.75,-73.84,u7,2020-02-12T04:00:00Z\n\
        12,restaurant,40.76,-73.85,u3,2020-02-12T04:10:00Z\n\
        11,Café,40.75,-73.84,u7,2020-02-12T05:00:00Z\n\
        13,,,,u9,2020-02-12T06:00:00Z\n"
        .replace("Café \"Zum, Eck\"", "\"Café \"\"Zum, Eck\"\"\"");
    for database in Database::all().await {
        let ctx = context(&database);
        let folder = tempfile::tempdir().expect("a directory");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).expect("packs");
        let packed = packed.finish().expect("packs");
        let with_map = || ImportOptions {
            create_venues: true,
            map_dir: Some(folder.path().to_owned()),
            ..options(ImportFormat::Checkins)
        };
        let report = read(&ctx, &packed, with_map()).await.expect("imports");
        assert_eq!((report.recorded, report.people_made, report.venues_made), (4, 3, 3), "{report:?}");
        let file_of = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("is there");
        let (people, venues) = (file_of("people.csv"), file_of("venues.csv"));
        let names: Vec<&str> = people.lines().filter_map(|l| l.split(',').next()).collect();
        assert_eq!(names, ["ref", "u7", "u3", "u9"]);
        assert_eq!(venues.lines().count(), 4);
        let there = venue::Entity::find().all(ctx.db.conn()).await.expect("venues");
        let one = there.iter().find(|v| v.external_ref.as_deref() == Some("11")).expect("is there");
        assert_eq!((one.name.as_str(), one.lat), ("Café \"Zum, Eck\"", Some(40.75)));
        let other = there.iter().find(|v| v.external_ref.as_deref() == Some("12")).expect("is there");
        assert_eq!(other.category, mashang_domain::venue::Category::Restaurant);
        assert!(venues.contains(&format!("12,{}", other.id)));

        // The second person of the file has the second number.
        let phone = Phone::from_stored(format!("+{}", phone_of_nth(2))).expect("a number");
        let (ids, made) = import_refs::people(&ctx.db, &ctx.keys, &[phone], base()).await.expect("people");
        assert_eq!(made, 0);
        assert!(people.contains(&format!("u3,{}", ids[0])));

        assert_eq!(read(&ctx, &packed, with_map()).await.expect("imports").skipped, 4);
        assert_eq!(
            (file_of("people.csv"), file_of("venues.csv")),
            (people, venues),
            "the map of a file that is there"
        );
        database.close().await;
    }
}

/// Peak resident memory of this process in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

/// Lines of 50,000 people, made as they are read.
struct Made {
    next: u64,
    lines: u64,
    line: Vec<u8>,
    at: usize,
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.line.len() {
            if self.next > self.lines {
                return Ok(0);
            }
            let n = self.next;
            let row = Row {
                at: (n * 2).cast_signed(),
                person: 1 + (n * 7919) % 50_000,
                venue: n % 4,
                out: n.is_multiple_of(3),
            };
            self.line = if n == 0 { file(&[]) } else { row.line() }.into_bytes();
            (self.next, self.at) = (n + 1, 0);
        }
        let n = buffer.len().min(self.line.len() - self.at);
        buffer[..n].copy_from_slice(&self.line[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_file() {
    let lines = std::env::var("MASHANG_IMPORT_LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(60_000);
    for database in Database::all().await {
        let ctx = context(&database);
        make_venues(&database, &ctx).await;
        let (before, started) = (peak_mib(), Instant::now());
        let source = Made { next: 0, lines, line: Vec::new(), at: 0 };
        let options = ImportOptions::new(ImportFormat::Visits, Actor::System("test"));
        let report = import_visits(&ctx, source, options, &mut Silent).await.expect("imports");
        assert_eq!(report.lines, lines);
        assert!(peak_mib() - before < 300, "{before} -> {} MiB", peak_mib());
        let took = started.elapsed();
        say(&format!(
            "{}: {lines} lines in {took:.1?}, {:.0} lines/s, peak memory {before} -> {} MiB, {report:?}",
            database.name,
            lines as f64 / took.as_secs_f64(),
            peak_mib()
        ));
        database.close().await;
    }
}
