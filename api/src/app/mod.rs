//! Use cases: what people do, each in one transaction. Routes and pages both call these.

pub mod alert;
pub mod audit;
pub mod case;
pub mod device;
pub mod dispatch;
pub mod health;
pub mod import;
pub mod me;
pub mod operation;
pub mod password;
pub mod platform;
pub mod records;
pub mod retention;
pub mod scan;
pub mod session;
pub mod sign_in;
pub mod staff;
pub mod trace;
pub mod venue;
pub mod work_list;
