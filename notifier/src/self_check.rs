//! `mashang-notifier check`: the gateways in words, and a test message through them. It asks nothing of the database.

use std::io::Write;

use anyhow::{anyhow, bail};
use mashang_config::Settings;
use mashang_domain::delivery::Outcome;
use mashang_domain::person::{Address, Email, Phone};
use mashang_notifier::check::{Trial, gateways, send};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Check {
    /// Send one test message through each gateway to this number or e-mail address 试发一条
    #[arg(long, value_name = "PHONE")]
    pub(crate) send: Option<String>,
    /// Only through this one 只经此网关
    #[arg(long, value_name = "NAME", requires = "send")]
    pub(crate) gateway: Option<String>,
    /// Also open the keys and ask the database and Redis 同时检查密钥、数据库与 Redis
    #[arg(long)]
    pub(crate) all: bool,
}

/// A line for each gateway and for everything else that is wrong; then, if asked, test messages.
pub(crate) async fn run(settings: &Settings, check: &Check) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let findings = gateways(settings);
    for finding in &findings.gateways {
        let (word, said) = match finding.wrong.is_empty() {
            true => ("正常 ok", finding.notes.join("; ")),
            false => ("有误 wrong", finding.wrong.join("; ")),
        };
        writeln!(out, "网关 gateway {} ({}) {word}: {said}", finding.gateway, finding.kind)?;
    }
    if findings.gateways.is_empty() {
        writeln!(out, "网关 gateway: 没有，开发用日志代替 none, development logs instead")?;
    }
    for other in &findings.others {
        writeln!(out, "有误 wrong: {other}")?;
    }
    if !findings.is_good() {
        bail!("配置有误 · something is wrong with the settings");
    }
    match &check.send {
        Some(to) => try_out(settings, to, check.gateway.as_deref(), &mut out).await,
        None => Ok(()),
    }
}

/// One message through each gateway, or through the one that is named.
async fn try_out(
    settings: &Settings,
    to: &str,
    only: Option<&str>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let phone = Phone::parse(to).map(Address::from);
    let to = phone.or_else(|_| Email::parse(to).map(Address::from));
    let to =
        to.map_err(|_| anyhow!("--send: 不是号码也不是邮箱 · neither a number nor an e-mail address"))?;
    let trials = send(settings, &to, only).await?;
    if let (true, Some(name)) = (trials.is_empty(), only) {
        bail!("没有此网关 · there is no gateway `{name}`");
    }
    let mut failed = 0;
    for (gateway, trial) in trials {
        let said = match trial {
            Trial::Sent { template, outcome: Outcome::Accepted { .. } } => {
                format!("已接受 accepted ({template})")
            }
            Trial::Sent { template, outcome: Outcome::Rejected { class, code, .. } } => {
                failed += 1;
                format!("被拒绝 refused ({template}): {class} {code}")
            }
            Trial::Sent { template, outcome: Outcome::Unknown { code } } => {
                failed += 1;
                format!("结果未知 unknown ({template}): {code}")
            }
            Trial::NoTemplate => {
                failed += 1;
                "没有模板 no template to try it with".to_owned()
            }
            Trial::OtherChannel(channel) => format!("未试 not tried: {channel}"),
        };
        writeln!(out, "试发 sent to {to} by {gateway}: {said}")?;
    }
    if failed > 0 {
        bail!("试发未成功 · {failed} not accepted");
    }
    Ok(())
}
