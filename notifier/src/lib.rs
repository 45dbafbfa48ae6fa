//! The notifier: from an approved alert to the last receipt, and login codes on the same road.
//!
//! [`worker`] takes tasks from the queue and hands them to [`fan_out`] (an alert becomes deliveries) or [`dispatch`]
//! (deliveries become calls to gateways, chosen by [`router`] according to their [`health`], at the speed of [`pace`],
//! behind the walls of [`bulkhead`]). [`sweep`] finds in the database whatever the queue has lost, [`receipts`] settles
//! what providers report through [`listener`], and [`asking`] asks for what they did not. [`service::Notifier`] runs all
//! of it, in a process of its own or inside the api.

pub mod asking;
pub mod bulkhead;
pub mod check;
pub mod dispatch;
pub mod drill;
pub mod fan_out;
mod figures;
pub mod gateway;
pub mod gateways;
pub mod health;
pub mod listener;
pub mod pace;
mod plan;
pub mod receipt;
pub mod receipts;
mod remind;
pub mod road;
pub mod router;
pub mod schedule;
pub mod service;
pub mod standard_webhooks;
mod standing;
pub mod sweep;
mod text;
pub mod worker;

pub use service::Notifier;
