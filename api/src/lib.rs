//! The mini-program API of Mashang.
//!
//! `routes` (JSON) and `pages` (HTML for people) call `app` (use cases); `http` is the frame around them, `render` draws
//! posters, `cli` has the sub-commands, `canary` is the self-test.

pub mod app;
mod canary;
pub mod cards;
pub mod cli;
mod client;
pub mod error;
pub mod http;
pub mod jobs;
pub mod pages;
pub mod render;
pub mod routes;
pub mod start;
pub mod state;
