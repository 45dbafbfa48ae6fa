//! What can be measured, one subject a file.

mod footprint;
mod scan;

use clap::ValueEnum;

use crate::context::Ctx;
use crate::report::Section;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// Scans over HTTP, beside peers.
    Scan,
    /// Start-up time, memory at rest, size of the binaries.
    Footprint,
}

impl Subject {
    pub fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    pub async fn run(self, ctx: &Ctx) -> anyhow::Result<Section> {
        match self {
            Subject::Scan => scan::run(ctx).await,
            Subject::Footprint => footprint::run(ctx).await,
        }
    }
}
