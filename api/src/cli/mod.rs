//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage.

mod demo;
mod import;
mod serve;
mod service;
mod staff;
mod verify;
mod verify_code;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mashang_config::Settings;
use mashang_infra::telemetry::{self, LogFormat, Telemetry};

#[derive(Parser)]
#[command(name = "mashang-api", version, about = "Mashang 码上: venue codes, tracing and alerts", long_about = None)]
struct Cli {
    /// Settings file; MASHANG_CONFIG names one too.
    #[arg(long, global = true, env = "MASHANG_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (default).
    Serve,
    /// Bring the schema up to date and end.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Play the whole loop on a made city, or its venue part on a file of check-ins.
    Demo(demo::DemoArgs),
    /// Bring in data.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Look after staff.
    #[command(subcommand)]
    Staff(staff::StaffCommand),
    /// Check a certificate of destruction; needs nothing but the file.
    VerifyCertificate(verify::VerifyCertificate),
    /// Read a code as a gate without a network does; needs nothing but the published keys.
    VerifyCode(verify_code::VerifyCode),
    /// Check the hash chain of the audit log.
    VerifyAudit(verify::VerifyAudit),
}

/// Runs the command line of this process.
pub async fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let code = if e.use_stderr() { 2 } else { 0 };
            return if e.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    match dispatch(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&format!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<()> {
    if let Some(Command::Openapi) = cli.command {
        say(&crate::http::server::openapi().to_pretty_json()?);
        return Ok(());
    }
    if let Some(Command::VerifyCertificate(command)) = &cli.command {
        return verify::certificate(command);
    }
    if let Some(Command::VerifyCode(command)) = &cli.command {
        return verify_code::run(command);
    }
    let settings = mashang_config::load(cli.config.as_deref())?;
    let telemetry = init_telemetry(&settings, matches!(cli.command, Some(Command::Demo(_))))?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(settings, telemetry).await,
        Command::Migrate => {
            crate::start::check_settings(&settings)?;
            let db = mashang_infra::db::Db::connect(&settings.database).await?;
            crate::start::migrate(&db).await
        }
        Command::Openapi | Command::VerifyCertificate(_) | Command::VerifyCode(_) => Ok(()),
        Command::VerifyAudit(command) => verify::audit(&settings, &command).await,
        Command::Demo(args) => demo::run(settings, telemetry, args).await,
        Command::Import(command) => import::run(settings, command).await,
        Command::Staff(command) => staff::run(settings, command).await,
    }
}

/// The demo tells its story on standard output; its log shows only what needs somebody.
fn init_telemetry(settings: &Settings, quiet: bool) -> anyhow::Result<Telemetry> {
    let format = match settings.log.format {
        mashang_config::LogFormat::Json => LogFormat::Json,
        mashang_config::LogFormat::Pretty => LogFormat::Pretty,
    };
    let filter = if quiet { "error" } else { settings.log.filter.as_str() };
    Ok(telemetry::init(format, filter)?)
}

/// A line for whoever runs the command.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    // Whoever listened may have gone (`| head`): that is no failure of the command.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[expect(clippy::print_stderr, reason = "the last word of a command that failed")]
fn complain(line: &str) {
    eprintln!("mashang-api: {line}");
}
