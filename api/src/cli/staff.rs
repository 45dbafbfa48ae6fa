//! `staff add`: the first administrator, and the way back in when nobody can log in. Works while the server runs.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use mashang_config::Settings;
use mashang_domain::person::{Actor, Division, Email, Role};

use super::say;
use crate::app::staff::{self, Appointment};

#[derive(Subcommand)]
pub(super) enum StaffCommand {
    /// Add a member of staff.
    Add(Add),
}

#[derive(Args)]
pub(super) struct Add {
    #[arg(long)]
    username: String,
    /// official, approver, auditor, guard, community_manager or administrator
    #[arg(long)]
    role: Role,
    /// Division code (GB/T 2260); everywhere when absent.
    #[arg(long, default_value = "")]
    division: String,
    /// Work address, for summaries of alerts.
    #[arg(long, value_parser = Email::parse)]
    email: Option<Email>,
    /// File with the password; 12 to 128 characters.
    #[arg(long)]
    password_file: PathBuf,
    /// Without a one-time password (development only).
    #[arg(long)]
    no_totp: bool,
}

pub(super) async fn run(settings: Settings, command: StaffCommand) -> anyhow::Result<()> {
    let StaffCommand::Add(add) = command;
    if add.no_totp && settings.production() {
        bail!("--no-totp is for development: production wants a one-time password for everybody");
    }
    let password = std::fs::read_to_string(&add.password_file)
        .with_context(|| format!("{}", add.password_file.display()))?;
    crate::start::check_settings(&settings)?;
    let keys = crate::start::keys(&settings)?;
    let db = crate::start::database(&settings).await?;
    let appointment = Appointment {
        username: add.username.clone(),
        password: password.trim_end_matches(['\r', '\n']).to_owned(),
        role: add.role,
        division: Division::parse_scope(&add.division)?,
        totp: !add.no_totp,
        email: add.email.clone(),
    };
    let now = crate::start::clock(&settings).now();
    let appointed = staff::appoint(&db, &keys, &Actor::System("command line"), appointment, now).await;
    let appointed = appointed
        .map_err(|p| anyhow::anyhow!("{}", p.detail.unwrap_or_else(|| p.code.title_en().to_owned())))?;
    say(&serde_json::json!({ "id": appointed.id, "username": add.username, "role": add.role, "totp_url": appointed.totp_url }).to_string());
    Ok(())
}
