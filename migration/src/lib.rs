//! The schema, for PostgreSQL and SQLite.
//!
//! Each migration is plain SQL with a handful of portable type words (see [`sql`]), so that what runs can be read.
//! Instants are `TIME`: milliseconds since the Unix epoch. Words of closed lists are text; the rules own the lists.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20200210_000001_people;
mod m20200210_000002_venues;
mod m20200210_000003_scans;
mod m20200210_000004_cases;
mod m20200210_000005_alerts;
mod m20200210_000006_protection;
mod m20200210_000007_health;
mod m20200210_000008_records;
mod m20200210_000009_decisions;
mod m20200210_000010_codes;
mod m20200210_000011_reminders;
mod m20200210_000012_devices;
mod m20200210_000013_cards;
mod m20200210_000020_platforms;
mod sql;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20200210_000001_people::Migration),
            Box::new(m20200210_000002_venues::Migration),
            Box::new(m20200210_000003_scans::Migration),
            Box::new(m20200210_000004_cases::Migration),
            Box::new(m20200210_000005_alerts::Migration),
            Box::new(m20200210_000006_protection::Migration),
            Box::new(m20200210_000007_health::Migration),
            Box::new(m20200210_000008_records::Migration),
            Box::new(m20200210_000009_decisions::Migration),
            Box::new(m20200210_000010_codes::Migration),
            Box::new(m20200210_000011_reminders::Migration),
            Box::new(m20200210_000012_devices::Migration),
            Box::new(m20200210_000013_cards::Migration),
            Box::new(m20200210_000020_platforms::Migration),
        ]
    }
}
