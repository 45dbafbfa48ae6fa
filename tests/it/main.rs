//! Black-box tests, one module an area.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod gateways;
