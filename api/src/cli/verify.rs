//! `verify-certificate` and `verify-audit`: checks that a third party runs.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use data_encoding::HEXLOWER_PERMISSIVE;
use mashang_config::Settings;
use mashang_domain::protection::certificate::{verify_certificate, verify_certificate_by};
use mashang_infra::db::Db;
use mashang_infra::store::audit::{self, Verdict};

use super::say;

#[derive(Args)]
pub(super) struct VerifyCertificate {
    file: PathBuf,
    /// SHA-256 of the public key, as noted while the operation ran.
    #[arg(long)]
    fingerprint: Option<String>,
}

#[derive(Args)]
pub(super) struct VerifyAudit {
    /// A head that was noted before, as SEQ:HASH: the log must still hold it.
    #[arg(long, value_parser = parse_head)]
    head: Option<(i64, Vec<u8>)>,
}

fn parse_head(text: &str) -> Result<(i64, Vec<u8>), String> {
    let parsed = text
        .split_once(':')
        .and_then(|(seq, hash)| Some((seq.parse().ok()?, HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok()?)));
    parsed.filter(|(_, hash)| hash.len() == 32).ok_or_else(|| "SEQ:HASH is wanted".to_owned())
}

/// Says what the certificate certifies, or fails.
pub(super) fn certificate(command: &VerifyCertificate) -> anyhow::Result<()> {
    let bytes = std::fs::read(&command.file).with_context(|| command.file.display().to_string())?;
    let certificate = match &command.fingerprint {
        Some(fingerprint) => verify_certificate_by(&bytes, fingerprint)?,
        None => verify_certificate(&bytes)?,
    };
    say("签名有效，文件与签发时一致。The signature holds and the file is as it was issued.\n");
    say(certificate.to_text().trim_end());
    if command.fingerprint.is_none() {
        say(
            "\n请与行动期间公布的公钥指纹核对（--fingerprint）。Compare the fingerprint with the one published while the operation ran.",
        );
    }
    Ok(())
}

/// Walks the chain; names the first entry that is not what was appended, and fails then.
pub(super) async fn audit(settings: &Settings, command: &VerifyAudit) -> anyhow::Result<()> {
    let db = Db::connect(&settings.database).await.context("database.url: no connection")?;
    let verdict = match &command.head {
        Some((seq, hash)) => audit::verify_with_head(db.conn(), *seq, hash).await?,
        None => audit::verify(db.conn()).await?,
    };
    match verdict {
        Verdict::Intact { entries, .. } => {
            let (seq, hash) = audit::head(db.conn()).await?;
            let hash = data_encoding::HEXLOWER.encode(&hash);
            say(&format!(
                "审计日志完整，共 {entries} 条。The audit log is whole: {entries} entries.\nhead {seq}:{hash}"
            ));
            Ok(())
        }
        Verdict::Broken { seq, reason } => {
            bail!("审计日志自第 {seq} 条起不完整 / the audit log is broken from entry {seq} on: {reason}")
        }
    }
}
