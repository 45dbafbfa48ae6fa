//! What both services do to the outside world in the same way: databases, queue, keys, cache, telemetry, shutdown.

pub mod audit_check;
pub mod bugs;
pub mod cache;
pub mod clock;
pub mod db;
pub mod destruction;
pub mod gate;
pub mod health;
pub mod http;
pub mod keys;
pub mod lease;
pub mod lifecycle;
pub mod nightly;
pub mod platform;
pub mod queue;
pub mod redis;
pub mod store;
pub mod telemetry;
pub mod tls;
