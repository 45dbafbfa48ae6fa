pub mod clock;
pub mod lease;
pub mod lifecycle;
pub mod telemetry;
