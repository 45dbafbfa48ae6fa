//! Retention, the audit chain and the end of the operation, on both databases.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod audit_check;
mod bench;
mod destruction;
mod retention;
mod rows;
