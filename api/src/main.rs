//! `mashang-api`: see `cli` for the sub-commands.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    mashang_api::cli::run().await
}
