//! The format from the outside: what is written can be read, and nothing else can.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod canonical;
mod judge;
mod keys;
mod memory;
mod mutants;
mod page;
mod qr;
mod random;
mod round_trip;
mod support;
mod times;
mod vectors;
