pub mod cache;
pub mod clock;
pub mod lease;
pub mod lifecycle;
pub mod queue;
pub mod redis;
pub mod telemetry;
