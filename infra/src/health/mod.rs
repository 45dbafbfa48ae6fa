//! The health code between the rules and the database: events of many people at once, in one transaction.
//!
//! [`apply`] takes the states of everybody concerned, lets the machine of the rules move them, and writes states, history,
//! integrity record and what is known by now in a handful of statements, however many people there are. An event whose
//! evidence is known already changes nothing, so whatever delivers events may deliver them again.

pub mod appeals;
mod batch;
pub mod by_hand;
mod completion;
mod contradiction;
pub mod daily;
pub mod decision;
pub mod issuer;
mod matching;
pub mod review;
mod row;
pub mod rules;
pub mod statement;
pub mod versions;
mod withdrawal;

pub use batch::{Done, Happening, apply, begin};
pub use completion::complete;
pub use matching::{Declaring, Met, areas_of, at_declaration, at_stay, fitting, meet};
pub use row::state_of;
pub use withdrawal::withdraw;
