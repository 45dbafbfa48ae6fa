//! `mashang-api`: see `cli` for the sub-commands.

use std::process::ExitCode;

/// What a request allocates on one thread is often dropped on another. The C library's allocator took a sixth of the
/// process's time under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    mashang_api::cli::run().await
}
