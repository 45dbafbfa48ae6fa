//! What both services do to the outside world in the same way: databases, queue, keys, cache, telemetry, shutdown.

pub mod db;
pub mod keys;
pub mod store;
