//! Named queries with intent, one file per subject. Nothing outside this room builds a query.

pub mod alert;
pub mod audit;
pub mod delivery;
pub mod notice;
pub mod outbox;
pub mod person;
mod statement;
