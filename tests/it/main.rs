//! Black-box tests. Each file tells of one subject; the harness is the library of this crate.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod architecture;
mod authorisation;
mod docs;
mod gateways;
mod problems;
mod self_check;
mod shutdown;
mod sign_in;
mod staff;
