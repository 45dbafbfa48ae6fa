//! Tables as sea-orm models, one a file, and nothing else: rules live in `domain`, queries in `infra`.

pub mod alert;
pub mod attempt;
pub mod audit;
pub mod audit_anchor;
pub mod case_edit;
pub mod delivery;
pub mod idempotency;
pub mod import_chunk;
pub mod import_job;
pub mod infection_case;
pub mod job_tick;
pub mod login_code;
pub mod notice;
pub mod operation;
pub mod outbox;
pub mod person;
pub mod scan;
pub mod scan_key;
pub mod session;
pub mod staff;
pub mod trace;
pub mod trace_contact;
pub mod venue;
pub mod venue_code;
pub mod zone;
