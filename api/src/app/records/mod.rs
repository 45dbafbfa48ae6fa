//! Official lists: who is a case, a contact, from a key area, in quarantine, and which areas are key areas.
//!
//! They come as CSV, meet the people who are there, and wait for those who will declare. Documents and numbers are looked
//! up by keyed hashes; the original is sealed, for who has to look at an appeal.

mod areas;
pub mod due;
mod import;
mod lines;
mod parse;
mod row;
pub mod show;
mod withdraw;
mod write;

pub use import::{ImportOrder, ImportReport, Rejected, import};
pub use withdraw::withdraw;

/// Why a line, or a file, was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub code: &'static str,
    pub detail: String,
}

impl Fault {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}
