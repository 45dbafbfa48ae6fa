//! Named queries with intent, one file per subject. Nothing outside this room builds a query.

pub mod audit;
pub mod idempotency;
pub mod import;
mod import_copy;
pub mod import_refs;
pub mod login_code;
pub mod partition;
pub mod person;
pub mod safety;
pub mod scan;
mod scan_chain;
mod scan_group;
pub mod scan_history;
pub mod scan_writer;
pub mod session;
pub mod staff;
pub mod trace;
pub mod visits;
