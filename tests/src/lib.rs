//! The harness of the black-box tests: the real binaries on private data, spoken to as people speak to them.
//!
//! [`app::TestApp`] starts them, [`persona`] has the people, [`fake_provider`] takes their messages. The tests themselves
//! stand in `it/`.

pub mod app;
pub mod client;
pub mod clock;
pub mod contract;
pub mod device;
pub mod fake_cards;
pub mod fake_platform;
pub mod fake_provider;
pub mod figures;
pub mod health;
pub mod outbreak;
pub mod persona;
pub mod place;
pub mod port;
pub mod private_redis;
pub mod process;
pub mod rows;
pub mod search;
pub mod settings;

pub use app::TestApp;
pub use client::{Client, Reply};
pub use persona::{Citizen, Staff, Venue};
pub use place::Form;
