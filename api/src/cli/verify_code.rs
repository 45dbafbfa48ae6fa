//! `verify-code`: reads a code offline, as a gate's device does, by nothing but the published keys.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use data_encoding::BASE64;
use mashang_code_verify::{Colour, DenyList, KeyId, KeySet, PublicKey, Purpose, Verified, Verifier};
use mashang_domain::time::Timestamp;
use mashang_infra::clock::Clock;
use serde::Deserialize;

use super::say;

/// Largest allowance between clocks, in seconds.
const SKEW_MAX: u32 = 300;

#[derive(Args)]
pub(super) struct VerifyCode {
    /// What the QR holds; `-` reads it from standard input.
    code: String,
    /// The published keys: the answer of GET /.well-known/health-code-keys.
    #[arg(long)]
    keys: PathBuf,
    /// What the gate accepts.
    #[arg(long, value_enum, default_value = "health-code")]
    purpose: Vec<Accepted>,
    /// Check as at this time (RFC 3339) instead of now.
    #[arg(long, value_parser = parse_time)]
    at: Option<Timestamp>,
    /// Seconds by which the clocks of issuer and gate may differ.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=i64::from(SKEW_MAX)))]
    skew: u32,
}

/// The purposes of codes.
#[derive(Clone, Copy, ValueEnum)]
enum Accepted {
    HealthCode,
    ExitPass,
    PrintedPass,
    Certificate,
}

impl Accepted {
    const fn purpose(self) -> Purpose {
        match self {
            Self::HealthCode => Purpose::HealthCode,
            Self::ExitPass => Purpose::ExitPass,
            Self::PrintedPass => Purpose::PrintedPass,
            Self::Certificate => Purpose::Certificate,
        }
    }
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "a time such as 2020-02-12T12:00:00+08:00 is wanted".to_owned())
}

/// The keys as they are published.
#[derive(Deserialize)]
struct Published {
    format_version: u8,
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    id: u32,
    public_key: String,
    signs_from: Timestamp,
    signs_until: Timestamp,
}

/// Says what the code says, or fails with the reason.
pub(super) fn run(command: &VerifyCode) -> anyhow::Result<()> {
    let code = match command.code.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())?.trim_end_matches(['\r', '\n']).to_owned(),
        code => code.to_owned(),
    };
    let keys = read_keys(&command.keys).with_context(|| command.keys.display().to_string())?;
    let verifier = Verifier::new(keys, command.purpose.iter().map(|p| p.purpose()), command.skew);
    let now = command.at.unwrap_or_else(|| Clock::system().now());
    let seconds = u64::try_from(now.secs()).context("a time before 1970")?;
    match verifier.verify(&code, seconds, &DenyList::default()) {
        Ok(verified) => {
            say(&told(&verified, seconds));
            Ok(())
        }
        Err(refusal) => bail!("拒绝 / refused ({}): {refusal}", refusal.code()),
    }
}

fn told(verified: &Verified, now: u64) -> String {
    let token = &verified.token;
    let colour = match token.colour {
        Some(Colour::Green) => "绿码 green",
        Some(Colour::Yellow) => "黄码 yellow",
        Some(Colour::Red) => "红码 red",
        Some(Colour::Grey) => "灰码 grey",
        None => "无颜色 no colour",
    };
    let age = now.saturating_sub(u64::from(token.issued_at));
    format!(
        "有效 valid · {colour} · 签发于 {age} 秒前 issued {age} s ago · 密钥 key {} · 编号 id {}",
        verified.key, token.id
    )
}

fn read_keys(file: &std::path::Path) -> anyhow::Result<KeySet> {
    let published: Published = serde_json::from_slice(&std::fs::read(file)?)?;
    if published.format_version != mashang_code_verify::VERSION {
        bail!("format version {} is not known here", published.format_version);
    }
    let seconds = |at: Timestamp| u32::try_from(at.secs()).unwrap_or(u32::MAX);
    let mut keys = Vec::new();
    for key in published.keys {
        let bytes = BASE64.decode(key.public_key.as_bytes()).ok();
        let bytes: [u8; 32] = bytes
            .and_then(|b| b.try_into().ok())
            .with_context(|| format!("key {}: 32 bytes in base64 are wanted", key.id))?;
        keys.push(PublicKey::new(KeyId(key.id), &bytes, seconds(key.signs_from)..seconds(key.signs_until))?);
    }
    Ok(KeySet::new(keys)?)
}
