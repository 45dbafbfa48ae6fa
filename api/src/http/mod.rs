//! The HTTP frame around the routes: context of a request, extractors, limits, assembly.

pub mod auth;
pub mod body;
pub mod context;
mod document;
mod flight;
pub mod frame;
pub mod gatekeeper;
mod gb;
pub mod idempotency;
pub mod log;
pub mod measure;
pub mod page;
pub mod raw;
pub mod server;
pub mod spreadsheet;
mod surface;
pub mod text;
mod unread;

/// Does once, at start, what would make the first request slow: the numbering plans are parsed on first use.
pub async fn warm_up() {
    let parse = || mashang_domain::person::Phone::parse("+85251234567").is_ok();
    if tokio::task::spawn_blocking(parse).await.is_err() {
        tracing::warn!("the numbering plans could not be loaded ahead");
    }
}
