pub mod clock;
pub mod telemetry;
