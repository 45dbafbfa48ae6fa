//! Use cases: what people do, each in one transaction. Routes and pages both call these.

pub mod me;
pub mod session;
pub mod sign_in;
pub mod staff;
