//! The world of the demo: a made city of 24 venues and 600 people over three days, or check-ins out of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use anyhow::Context;
use mashang_domain::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};

use super::choose::{self, Chosen};
use crate::app::import::phone_of_nth;

/// One scan of the world, as the demo needs it to pick a case.
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) user: String,
    pub(super) venue: String,
}

pub(super) struct World {
    /// Where the check-ins are read from.
    source: Source,
    pub(super) rows: usize,
    /// The order in which people appear decides their number.
    order: HashMap<String, u64>,
    pub(super) case: Chosen,
    /// The venues as `POST /venues/imports` takes them; none when the file of check-ins describes its own.
    pub(super) venues_csv: Option<String>,
}

enum Source {
    Made(String),
    File(std::path::PathBuf),
}

impl World {
    /// The check-ins, as a file would give them.
    pub(super) fn open(&self) -> anyhow::Result<Box<dyn Read + Send>> {
        Ok(match &self.source {
            Source::Made(csv) => Box::new(Cursor::new(csv.clone().into_bytes())),
            Source::File(path) => Box::new(BufReader::new(File::open(path)?)),
        })
    }

    pub(super) fn is_made(&self) -> bool {
        self.venues_csv.is_some()
    }

    /// The number of a person of the file, E.164.
    pub(super) fn phone_of(&self, user: &str) -> String {
        format!("+{}", phone_of_nth(self.order.get(user).copied().unwrap_or(1)))
    }
}

/// Reads check-ins from a CSV file, plain or gzip.
pub(super) fn read(path: &Path) -> anyhow::Result<World> {
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let gzip = path.extension().is_some_and(|e| e == "gz");
    let reader: Box<dyn Read> =
        if gzip { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let (rows, order) = parse(reader).with_context(|| format!("{}", path.display()))?;
    let case = choose::case(&rows).context("nobody in this file met anybody within 14 days")?;
    Ok(World { source: Source::File(path.to_owned()), rows: rows.len(), order, case, venues_csv: None })
}

type Parsed = (Vec<Row>, HashMap<String, u64>);

fn parse(reader: impl Read) -> anyhow::Result<Parsed> {
    let mut csv = csv::Reader::from_reader(reader);
    let header = csv.headers()?.clone();
    let column = |name: &str| {
        header.iter().position(|h| h == name).with_context(|| format!("the column {name} is missing"))
    };
    let (venue, user, at) = (column("venue_id")?, column("user_id")?, column("checked_in_at")?);
    let (mut rows, mut order) = (Vec::new(), HashMap::new());
    for record in csv.records() {
        let record = record?;
        let (Some(v), Some(u), Some(t)) =
            (record.get(venue), record.get(user), record.get(at).and_then(Timestamp::parse))
        else {
            continue;
        };
        let next = order.len() as u64 + 1;
        order.entry(u.to_owned()).or_insert(next);
        rows.push(Row { at: t, user: u.to_owned(), venue: v.to_owned() });
    }
    rows.sort_by(|a, b| (a.at, &a.user, &a.venue).cmp(&(b.at, &b.user, &b.venue)));
    Ok((rows, order))
}

/// Names and kinds of the made venues. The names are invented.
const VENUES: [(&str, &str); 24] = [
    ("滇池路阳光超市", "supermarket"),
    ("金碧生活超市", "supermarket"),
    ("云岭便民超市", "supermarket"),
    ("春城大卖场", "supermarket"),
    ("螺峰街菜市场", "market"),
    ("东寺农贸市场", "market"),
    ("五里多农贸市场", "market"),
    ("昆都商业广场", "mall"),
    ("正义坊百货", "mall"),
    ("过桥米线老店", "restaurant"),
    ("菌子火锅城", "restaurant"),
    ("滇味小馆", "restaurant"),
    ("一心堂社区药房", "pharmacy"),
    ("健安大药房", "pharmacy"),
    ("华山社区卫生站", "clinic"),
    ("春晖医院门诊楼", "hospital"),
    ("73路公交车", "bus"),
    ("96路公交车", "bus"),
    ("地铁2号线东风站", "station"),
    ("高新写字楼A座", "office"),
    ("五华区政务大厅", "government"),
    ("翠苑小区北门", "residence"),
    ("江岸小区南门", "residence"),
    ("盘龙江文化宫", "entertainment"),
];
const PEOPLE: u64 = 600;
const DAYS: i64 = 3;

/// Makes the city: everybody goes to two to four places a day, some of them always the same.
pub(super) fn made(now: Timestamp) -> World {
    let mut dice = Dice(0x2020_0212);
    let start = now.shanghai_day_start() - DAYS * DAY;
    let mut lines = Vec::new();
    for person in 1..=PEOPLE {
        for day in 0..DAYS {
            day_of(person, start + day * DAY, &mut dice, &mut lines);
        }
    }
    lines.sort();
    let mut csv = String::from("venue_id,venue_name_or_category,lat,lon,user_id,checked_in_at,direction\n");
    let mut order = HashMap::new();
    let mut rows = Vec::new();
    for (at, person, venue, direction) in lines {
        let next = order.len() as u64 + 1;
        let user = format!("p{person:03}");
        order.entry(user.clone()).or_insert(next);
        csv.push_str(&format!("CN-{venue:02},{},,,{user},{at},{direction}\n", VENUES[venue].0));
        if direction == "in" {
            rows.push(Row { at, user, venue: format!("CN-{venue:02}") });
        }
    }
    let count = csv.lines().count() - 1;
    let fallback = Chosen { user: "p001".to_owned(), start, end: now };
    let chosen = choose::case(&rows).unwrap_or(fallback);
    let case = Chosen { start: now - 4 * DAY, end: now, ..chosen };
    World { source: Source::Made(csv), rows: count, order, case, venues_csv: Some(venues_csv()) }
}

type Line = (Timestamp, u64, usize, &'static str);

fn day_of(person: u64, day: Timestamp, dice: &mut Dice, lines: &mut Vec<Line>) {
    let mut at = day + 7 * HOUR + dice.below(4 * 60) * MINUTE;
    for _ in 0..2 + dice.below(3) {
        // Half of all visits go to one of two places near home.
        let near = usize::try_from(person).unwrap_or(0) * 7 + usize::try_from(dice.below(2)).unwrap_or(0);
        let anywhere = usize::try_from(dice.below(24)).unwrap_or(0);
        let venue = if dice.below(2) == 0 { near % VENUES.len() } else { anywhere };
        let stay = 8 * MINUTE + dice.below(70) * MINUTE;
        at = at + dice.below(60) * SECOND;
        lines.push((at.floor_to_second(), person, venue, "in"));
        // One in three forgets to scan out.
        if dice.below(3) != 0 {
            lines.push(((at + stay).floor_to_second(), person, venue, "out"));
        }
        at = at + stay + (15 + dice.below(90)) * MINUTE;
    }
}

fn venues_csv() -> String {
    let mut csv = String::from("name,category,division_code,address,contact_phone,external_ref\n");
    for (i, (name, category)) in VENUES.iter().enumerate() {
        csv.push_str(&format!(
            "{name},{category},530102,昆明市五华区示例路{}号,15400000{i:03},CN-{i:02}\n",
            i + 1
        ));
    }
    csv
}

/// SplitMix64: the same city every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        i64::try_from((z ^ (z >> 31)) >> 1).unwrap_or(0) % n.max(1)
    }
}
