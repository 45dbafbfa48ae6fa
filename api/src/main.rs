//! `mashang-api`: see `cli` for the sub-commands.

use std::process::ExitCode;

/// A scan makes some eighty small allocations on one thread and drops many of them on another. The C library's allocator
/// spends a sixth of the process's time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    mashang_api::cli::run().await
}
