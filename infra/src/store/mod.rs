//! Named queries with intent, one file per subject. Nothing outside this room builds a query.

pub mod audit;
pub mod emptying;
pub mod idempotency;
pub mod login_code;
pub mod operation;
pub mod person;
pub mod retention;
pub mod safety;
pub mod session;
pub mod staff;
pub mod trace;
pub mod visits;
