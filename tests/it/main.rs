//! Black-box tests. Each file tells of one subject; the harness is the library of this crate.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod architecture;
mod authorisation;
mod canary;
mod docs;
mod gateways;
mod kill;
mod operation;
mod posters;
mod problems;
mod reports;
mod scans;
mod self_check;
mod shutdown;
mod sign_in;
mod staff;
mod truth;
mod venues;
mod warning;
