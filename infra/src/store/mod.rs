//! Named queries with intent, one file per subject. Nothing outside this room builds a query.

pub mod audit;
pub mod person;
