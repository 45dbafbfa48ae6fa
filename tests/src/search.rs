//! Looks for numbers in files as a thief would: in clear, and as computers write them down.
//!
//! Files may be large, so `grep` finds the few places where the numbers' common beginning stands in some form; what
//! follows there is compared with the numbers themselves.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

/// The bytes that every number begins with.
const COMMON: usize = 6;

/// The ways in which digits are written down.
fn disguises(digits: &str) -> Vec<Vec<u8>> {
    let bytes = digits.as_bytes();
    let utf16 = |order: fn(u16) -> [u8; 2]| digits.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let mut all = vec![
        bytes.to_vec(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        HEXLOWER.encode(bytes).into_bytes(),
        HEXUPPER.encode(bytes).into_bytes(),
        bytes.iter().flat_map(|b| format!("%{b:02X}").into_bytes()).collect(),
    ];
    // Base64 of a text that holds the digits somewhere: what of it is theirs alone, for each of the three places.
    for before in 0..3 {
        let text = [&vec![0; before], bytes].concat();
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        all.extend(
            [&BASE64, &BASE64URL].map(|alphabet| alphabet.encode(&text).into_bytes()[from..to].to_vec()),
        );
    }
    all
}

/// Numbers with one beginning, and how to find them.
pub struct Search {
    pattern: String,
    needles: Vec<(String, Vec<u8>)>,
}

impl Search {
    /// # Panics
    /// When the numbers do not begin alike.
    pub fn new(numbers: &[String]) -> Self {
        let common = &numbers[0][..COMMON];
        assert!(numbers.iter().all(|n| n.starts_with(common)), "the numbers begin alike");
        let escaped = |bytes: Vec<u8>| bytes.iter().map(|b| format!("\\x{b:02x}")).collect::<String>();
        let starts: Vec<String> = disguises(common).into_iter().map(escaped).collect();
        let needles = numbers.iter().flat_map(|n| disguises(n).into_iter().map(move |d| (n.clone(), d)));
        Self { pattern: starts.join("|"), needles: needles.collect() }
    }

    /// `file: number` for every number that stands in a file, or in one below a folder.
    pub fn below(&self, place: &Path) -> Vec<String> {
        let found = Command::new("grep")
            .env("LC_ALL", "C")
            .args(["-rabo", "--no-messages", "-P", "-e", &self.pattern, "--"])
            .arg(place)
            .arg("/dev/null")
            .output()
            .unwrap_or_else(|e| panic!("grep: {e}"));
        let lines = found.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        lines.filter_map(|line| self.confirm(&String::from_utf8_lossy(line))).collect()
    }

    /// A line of `grep` is `file:offset:match`.
    fn confirm(&self, line: &str) -> Option<String> {
        let mut parts = line.splitn(3, ':');
        let (name, offset) = (parts.next()?, parts.next()?.parse().ok()?);
        let mut file = File::open(name).ok()?;
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut there = Vec::new();
        file.take(64).read_to_end(&mut there).ok()?;
        let (number, _) = self.needles.iter().find(|(_, needle)| there.starts_with(needle))?;
        Some(format!("{name}: {number}"))
    }
}

/// Where the PostgreSQL of a connection keeps its database, and what it writes ahead.
pub async fn postgres_files(db: &DatabaseConnection) -> anyhow::Result<[PathBuf; 2]> {
    const SQL: &str = "SELECT current_setting('data_directory'), \
                       (SELECT oid::text FROM pg_database WHERE datname = current_database())";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, SQL)).await?.context("a row")?;
    let folder = PathBuf::from(row.try_get_by_index::<String>(0)?);
    Ok([folder.join("base").join(row.try_get_by_index::<String>(1)?), folder.join("pg_wal")])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_disguise_is_seen_through() {
        let numbers: Vec<String> = (0..50).map(|i| format!("154739{i:05}")).collect();
        let search = Search::new(&numbers);
        let folder = tempfile::tempdir().unwrap();
        let mut n = 0;
        for before in ["", "a", "+86", "tel:+86"] {
            let text = format!("{before}{}", numbers[7]);
            for disguised in disguises(&text).into_iter().chain([BASE64.encode(text.as_bytes()).into_bytes()])
            {
                n += 1;
                let file = folder.path().join(n.to_string());
                std::fs::write(&file, [b"\0\xff\n".as_slice(), &disguised, b"\n"].concat()).unwrap();
                assert_eq!(search.below(&file).len(), 1, "{}", String::from_utf8_lossy(&disguised));
            }
        }
        assert_eq!(search.below(folder.path()).len(), n);
        std::fs::write(folder.path().join("other"), "15473800007 154739 1547390000x").unwrap();
        assert_eq!(search.below(folder.path()).len(), n, "numbers that were not planted are not found");
    }
}
