//! One line: from columns to a visit, or to what is wrong with it.

use csv::ByteRecord;
use mashang_domain::person::Phone;
use mashang_domain::time::Timestamp;
use mashang_domain::venue::Direction;
use mashang_domain::venue::plausibility::Coordinates;

use super::progress::BadLineCode;
use super::{ImportError, ImportFormat};

/// No scan was made before: 2000-01-01T00:00:00Z. A slip of the year must not make partitions of the Middle Ages.
const EARLIEST: Timestamp = Timestamp(946_684_800_000);

/// Where the columns stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub count: usize,
    person: usize,
    venue: usize,
    direction: Option<usize>,
    at: usize,
    described: Option<(usize, usize, usize)>,
}

impl Columns {
    pub fn of(header: &ByteRecord, format: ImportFormat) -> Result<Self, ImportError> {
        let mut names = Vec::with_capacity(header.len());
        for name in header {
            let name = std::str::from_utf8(name).map_err(|_| ImportError::NoHeader)?;
            names.push(name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase());
        }
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        let want = |wanted: &'static str| find(wanted).ok_or(ImportError::MissingColumn(wanted));
        Ok(match format {
            ImportFormat::Visits => Self {
                count: names.len(),
                person: want("phone")?,
                venue: find("venue_id").map_or_else(|| want("venue_ref"), Ok)?,
                direction: Some(want("direction")?),
                at: want("scanned_at")?,
                described: None,
            },
            ImportFormat::Checkins => Self {
                count: names.len(),
                person: want("user_id")?,
                venue: want("venue_id")?,
                direction: find("direction"),
                at: want("checked_in_at")?,
                described: Some((want("venue_name_or_category")?, want("lat")?, want("lon")?)),
            },
        })
    }
}

/// The texts of a line.
pub(super) struct Fields<'a> {
    pub person: &'a str,
    pub venue: &'a str,
    direction: Option<&'a str>,
    at: &'a str,
    described: Option<(&'a str, &'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    pub fn of(record: &'a ByteRecord, columns: &Columns) -> Result<Self, BadLineCode> {
        if record.len() != columns.count {
            return Err(BadLineCode::WrongColumns);
        }
        let text =
            |i: usize| std::str::from_utf8(&record[i]).map(str::trim).map_err(|_| BadLineCode::NotUtf8);
        Ok(Self {
            person: text(columns.person)?,
            venue: text(columns.venue)?,
            direction: columns.direction.map(text).transpose()?,
            at: text(columns.at)?,
            described: match columns.described {
                Some((name, lat, lon)) => Some((text(name)?, text(lat)?, text(lon)?)),
                None => None,
            },
        })
    }

    /// When the scan was made, in whole seconds; `latest` is the last moment that is not the future.
    pub fn at(&self, latest: Timestamp) -> Result<Timestamp, BadLineCode> {
        let at = Timestamp::parse(self.at).map(Timestamp::floor_to_second);
        at.filter(|at| (EARLIEST..=latest).contains(at)).ok_or(BadLineCode::BadTime)
    }

    /// Check-ins without a direction are in-scans.
    pub fn direction(&self) -> Result<Direction, BadLineCode> {
        self.direction.map_or(Ok(Direction::In), |word| word.parse().map_err(|_| BadLineCode::BadDirection))
    }

    /// The number in E.164 without its plus.
    pub fn phone(&self, allow_test_numbers: bool) -> Result<u64, BadLineCode> {
        let phone = Phone::parse(self.person).map_err(|_| BadLineCode::BadPhone)?;
        let digits = &phone.reveal()[1..];
        if !allow_test_numbers && digits.starts_with("86154") {
            return Err(BadLineCode::BadPhone);
        }
        digits.parse().map_err(|_| BadLineCode::BadPhone)
    }

    /// What the line says of its venue: name or category, and where it is.
    pub fn description(&self) -> Option<Description> {
        let (name, lat, lon) = self.described?;
        let number = |text: &str, bound: f64| text.parse().ok().filter(|n: &f64| n.abs() <= bound);
        let place = number(lat, 90.0).zip(number(lon, 180.0)).map(|(lat, lon)| Coordinates { lat, lon });
        Some(Description { name: name.into(), place })
    }
}

/// What a check-in says of its venue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Description {
    pub name: Box<str>,
    pub place: Option<Coordinates>,
}
