//! A file of visits as another system might hand it over: a line a scan, in the order of time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use mashang_domain::time::{DAY, SECOND, Timestamp};

/// Places whose references stand in the file.
pub const VENUES: u32 = 2_000;

/// People in a file: one for so many lines.
const LINES_OF_A_PERSON: u64 = 5;

/// Days that the lines cover.
const DAYS: i64 = 10;

/// A line: who scans what.
pub struct Line {
    pub person: u64,
    pub venue: u32,
    pub is_in: bool,
    pub at: Timestamp,
}

/// The `count` lines of ten days that end at `end`. Some places are busier than others.
pub fn lines(count: u64, end: Timestamp) -> impl Iterator<Item = Line> {
    let first = (end - DAYS * DAY).floor_to_second();
    let people = (count / LINES_OF_A_PERSON).max(1);
    (0..count).map(move |n| {
        let chance = mixed(n);
        let share = (chance >> 40) as f64 / (1_u64 << 24) as f64;
        Line {
            person: (chance & 0xff_ffff_ffff) % people,
            venue: (share * share * f64::from(VENUES)) as u32,
            is_in: chance & 1 == 0,
            at: (first + (DAYS * DAY / SECOND) * n as i64 / count as i64 * SECOND).floor_to_second(),
        }
    })
}

/// Writes a file of the first `some` of `count` lines.
pub fn write(path: &Path, some: u64, count: u64, end: Timestamp) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(out, "phone,venue_ref,direction,scanned_at")?;
    for line in lines(count, end).take(usize::try_from(some)?) {
        let direction = if line.is_in { "in" } else { "out" };
        writeln!(out, "138{:08},{},{direction},{}", line.person, reference(line.venue), line.at)?;
    }
    Ok(out.flush()?)
}

pub fn reference(venue: u32) -> String {
    format!("ref-{venue}")
}

/// Reproducible chance: splitmix64.
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
