//! Black-box tests. Each file tells of one subject; the harness is the library of this crate.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod alarms;
mod architecture;
mod authorisation;
mod bodies;
mod canary;
mod cut_off;
mod docs;
mod enumeration;
mod forged_codes;
mod four_eyes;
mod gateway_check;
mod gateways;
mod kill;
mod mail_rung;
mod operation;
mod operators;
mod posters;
mod problems;
mod redis_wiped;
mod reports;
mod scan_times;
mod scans;
mod schemathesis;
mod self_check;
mod shutdown;
mod sign_in;
mod sign_in_limits;
mod spreadsheets;
mod staff;
mod too_many;
mod truth;
mod venues;
mod visit_imports;
mod warning;
mod wire;
