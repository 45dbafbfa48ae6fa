//! Use cases: what people do, each in one transaction. Routes and pages both call these.

pub mod audit;
pub mod me;
pub mod operation;
pub mod retention;
pub mod session;
pub mod sign_in;
pub mod staff;
pub mod venue;
