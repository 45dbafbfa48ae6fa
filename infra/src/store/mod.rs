//! Named queries with intent, one file per subject. Nothing outside this room builds a query.
//!
//! A store function takes the connection it is given; where several statements belong together it is called inside a
//! transaction that the use case opened.

pub mod alert;
pub mod audit;
pub mod delivery;
pub mod emptying;
pub mod idempotency;
pub mod login_code;
pub mod notice;
pub mod occupancy;
pub mod operation;
pub mod outbox;
pub mod person;
pub mod retention;
pub mod safety;
pub mod session;
pub mod staff;
mod statement;
pub mod trace;
pub mod venue;
pub mod venue_code;
pub mod visits;
pub mod zone;
