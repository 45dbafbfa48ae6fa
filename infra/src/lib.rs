pub mod clock;
pub mod lifecycle;
pub mod telemetry;
