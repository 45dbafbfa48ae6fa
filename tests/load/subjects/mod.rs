//! What can be measured, one subject a file.

mod dispatch;
mod footprint;
mod health;
mod import;
mod posters;
mod scan;
mod trace;

use clap::ValueEnum;

use crate::context::Ctx;
use crate::report::Section;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// Scans over HTTP, beside peers.
    Scan,
    /// More scans than fit: what is served, and how soon the others are refused.
    Overload,
    /// Scans of ours alone, to try a change or a setting out; no part of everything.
    Tune,
    /// A trace in small and large worlds, beside SQL by hand.
    Trace,
    /// Importing a file of visits, beside COPY.
    Import,
    /// An alert to many people, beside BullMQ, apalis and Celery.
    Dispatch,
    /// Health codes at gates and on phones, declarations, codes read offline.
    Health,
    /// QR codes, posters, and an archive of them.
    Posters,
    /// Start-up time, memory at rest, size of the binaries.
    Footprint,
}

impl Subject {
    pub fn all() -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|subject| *subject != Self::Tune).collect()
    }

    pub async fn run(self, ctx: &Ctx) -> anyhow::Result<Section> {
        match self {
            Subject::Scan => scan::run(ctx).await,
            Subject::Overload => scan::overload(ctx).await,
            Subject::Tune => scan::tune(ctx).await,
            Subject::Trace => trace::run(ctx).await,
            Subject::Import => import::run(ctx).await,
            Subject::Dispatch => dispatch::run(ctx).await,
            Subject::Health => health::run(ctx).await,
            Subject::Posters => posters::run(ctx).await,
            Subject::Footprint => footprint::run(ctx).await,
        }
    }
}
