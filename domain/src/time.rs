//! Instants and calendar days.
//!
//! An instant is a number of milliseconds since 1970-01-01T00:00:00Z on every database and in every rule, so that the
//! same integer arithmetic holds in SQL on PostgreSQL and SQLite. In JSON it is RFC 3339 in UTC. Calendar-day rules use
//! Asia/Shanghai, which has had no daylight saving time since 1991: a fixed offset of eight hours.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

const SHANGHAI_OFFSET: i64 = 8 * HOUR;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "orm", derive(sea_orm::DeriveValueType))]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * SECOND)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The same instant without its fraction of a second: scans are recorded in whole seconds.
    pub const fn floor_to_second(self) -> Self {
        Self(self.0 - self.0.rem_euclid(SECOND))
    }

    /// Parses RFC 3339 with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|t| Self(t.timestamp_millis()))
    }

    pub fn to_chrono(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.0).single().unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// The calendar day in Asia/Shanghai.
    pub fn shanghai_day(self) -> NaiveDate {
        Timestamp(self.0 + SHANGHAI_OFFSET).to_chrono().date_naive()
    }

    /// Hour (0..24) and minute of the day in Asia/Shanghai.
    pub fn shanghai_minute_of_day(self) -> i64 {
        (self.0 + SHANGHAI_OFFSET).rem_euclid(DAY) / MINUTE
    }

    /// The instant at which the Asia/Shanghai day of `self` began.
    pub fn shanghai_day_start(self) -> Self {
        let local = self.0 + SHANGHAI_OFFSET;
        Self(local - local.rem_euclid(DAY) - SHANGHAI_OFFSET)
    }

    /// `YYYY-MM-DD HH:MM:SS` in Asia/Shanghai, as people in China read it.
    pub fn shanghai_text(self) -> String {
        Timestamp(self.0 + SHANGHAI_OFFSET).to_chrono().format("%Y-%m-%d %H:%M:%S").to_string()
    }
}

impl Add<i64> for Timestamp {
    type Output = Self;
    /// Adds milliseconds.
    fn add(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl Sub<i64> for Timestamp {
    type Output = Self;
    /// Subtracts milliseconds.
    fn sub(self, millis: i64) -> Self {
        Self(self.0.saturating_sub(millis))
    }
}

impl Sub for Timestamp {
    type Output = i64;
    /// The distance in milliseconds.
    fn sub(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.0 % SECOND == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
        f.write_str(&self.to_chrono().to_rfc3339_opts(format, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("an RFC 3339 time is wanted, such as 2020-02-12T04:00:00Z")
        })
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC"))
            .build()
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

/// Days since 1970-01-01, as tables keep them.
pub fn day_number(day: NaiveDate) -> i32 {
    day.num_days_from_ce() - EPOCH_DAY
}

/// The day of such a number; the first one there is for a number that no day has.
pub fn day_of_number(number: i32) -> NaiveDate {
    number.checked_add(EPOCH_DAY).and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or(NaiveDate::MIN)
}

/// 1970-01-01, counted from 0001-01-01 as day 1.
const EPOCH_DAY: i32 = 719_163;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_rfc3339() {
        let t = Timestamp::parse("2020-02-12T12:00:00+08:00").expect("parses");
        assert_eq!(t.to_string(), "2020-02-12T04:00:00Z");
        assert_eq!((t + 5).to_string(), "2020-02-12T04:00:00.005Z");
        assert_eq!(Timestamp::parse("2020-02-12"), None);
    }

    #[test]
    fn days_are_those_of_shanghai() {
        let before = Timestamp::parse("2020-02-11T15:59:59Z").expect("parses");
        assert_eq!(before.shanghai_day().to_string(), "2020-02-11");
        assert_eq!((before + SECOND).shanghai_day().to_string(), "2020-02-12");
        assert_eq!((before + SECOND).shanghai_day_start(), before + SECOND);
        assert_eq!(before.shanghai_minute_of_day(), 23 * 60 + 59);
    }
}
