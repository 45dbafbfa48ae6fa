//! Named queries with intent, one file per subject. Nothing outside this room builds a query.
//!
//! A store function takes the connection it is given; where several statements belong together it is called inside a
//! transaction that the use case opened.

pub mod alert;
pub mod alert_colouring;
pub mod answer;
pub mod api_key;
pub mod approval;
pub mod audit;
pub mod canary;
pub mod card_link;
pub mod case;
pub mod code_check;
pub mod code_key;
pub mod declaration;
pub mod delivery;
pub mod emptying;
pub mod gateway;
pub mod gather;
pub mod health;
pub mod health_reader;
pub mod idempotency;
pub mod import;
mod import_copy;
pub mod import_refs;
pub mod login_code;
pub mod notice;
pub mod occupancy;
pub mod operation;
pub mod outbox;
pub mod partition;
pub mod person;
pub mod place;
pub mod platform;
pub mod reminder;
pub mod retention;
pub mod safety;
pub mod scan;
mod scan_chain;
mod scan_group;
pub mod scan_history;
mod scan_key;
mod scan_tx;
pub mod scan_writer;
pub mod session;
pub mod session_reader;
pub mod staff;
mod statement;
pub mod summary;
pub mod trace;
pub mod trace_result;
pub mod trip;
pub mod venue;
pub mod venue_code;
pub mod visits;
pub mod work_list;
pub mod zone;
