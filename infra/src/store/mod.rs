//! Named queries with intent, one file per subject. Nothing outside this room builds a query.

pub mod alert;
pub mod audit;
pub mod delivery;
pub mod idempotency;
pub mod login_code;
pub mod notice;
pub mod outbox;
pub mod person;
pub mod safety;
pub mod session;
pub mod staff;
mod statement;
pub mod trace;
pub mod visits;
