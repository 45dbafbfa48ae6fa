//! Ports that stay ours: for servers whose address has to be known before they start, or that are started again.
//!
//! They lie below the range that the kernel gives to outgoing connections, so no client of a test running beside takes
//! one in the moment between two processes. And each is held, on another loopback address, until the test's process
//! ends, so no two tests choose the same.

use std::net::{Ipv4Addr, TcpListener};
use std::process::id;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;

const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;
/// Where a port is held; nothing is ever sent there.
const HOLD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

static HELD: Mutex<Vec<TcpListener>> = Mutex::new(Vec::new());
static TURN: AtomicU32 = AtomicU32::new(0);

/// A port of 127.0.0.1 that nobody uses, held for this process.
pub fn free_port() -> anyhow::Result<u16> {
    let held = (0..COUNT).find_map(|_| {
        // Processes begin far apart; a collision costs one more look.
        let turn = TURN.fetch_add(1, Ordering::Relaxed).wrapping_add(id().wrapping_mul(97));
        let port = FIRST + u16::try_from(turn % u32::from(COUNT)).unwrap_or_default();
        let hold = TcpListener::bind((HOLD, port)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some((port, hold))
    });
    let (port, hold) = held.context("no port is free")?;
    HELD.lock().unwrap_or_else(|e| e.into_inner()).push(hold);
    Ok(port)
}
