//! The one checker of dispatch: compares who was exposed, what the providers took, and what the database says.

use mashang_tests::fake_provider::FakeProvider;
use mashang_tests::process::command;
use serde_json::Value;

use super::rules::{ended, nobody_else, nobody_missing, once};
use super::stage::Dispatch;
use super::told::Told;
use crate::report::Report;
use crate::stage::panics_in;
use crate::world::World;

/// What a scenario's fault leaves behind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected {
    /// The provider cannot be asked: who may have been told is told once more, and counted.
    pub blind: bool,
    /// Deliveries whose row was spoilt.
    pub spoilt: usize,
}

impl Dispatch {
    /// Compares everything; one line an invariant. What was in doubt has been cleared up.
    pub async fn check(self, world: &World, expected: Expected) -> anyhow::Result<Report> {
        let Self { apis, notifiers, providers, outbreak, keys, .. } = &self;
        let accepted = providers.iter().flat_map(FakeProvider::accepted).collect();
        let told = Told::read(self.db(), keys, &outbreak.exposed, accepted).await?;
        let mut report = Report { broken: self.report.broken };
        ended(&mut report, &told, expected);
        nobody_missing(&mut report, &told, &outbreak.exposed);
        once(&mut report, &told, &outbreak.exposed, expected);
        nobody_else(&mut report, &told, &outbreak.exposed);
        // Time may have moved on past any session.
        let shown: Value = outbreak.approver(apis[0].port).await?.get(&outbreak.alert).await.json();
        self.counters(world, &mut report, &told, &shown).await?;
        self.audited(&mut report).await?;
        self.halves(&mut report).await?;
        self.nowhere(world, &mut report).await?;
        let mut ready = 0;
        for notifier in notifiers {
            ready += usize::from(notifier.ready(std::time::Duration::from_secs(10)).await.is_ok());
        }
        let figure = format!("{ready} of {}", notifiers.len());
        report.line("I11", "notifiers are ready, without a hand", figure, ready == notifiers.len());
        let logs = apis.iter().map(|a| &a.log).chain(notifiers.iter().map(|n| &n.log));
        let panics: usize = logs.map(|log| panics_in(log)).sum();
        report.line("log", "nothing panicked", format!("{panics} panics"), panics == 0);
        Ok(report)
    }

    /// One entry for the one approval, and the chain holds.
    async fn audited(&self, report: &mut Report) -> anyhow::Result<()> {
        let approvals = self.count("SELECT count(*) FROM audit WHERE action = 'alert.approve'").await?;
        let config = self.folder.join("api.toml").display().to_string();
        let verified = command("mashang-api", &["--config", &config, "verify-audit"], &[])?.output()?;
        let figure = format!("{approvals} approvals, verify-audit {}", verified.status);
        report.line("I8", "the audit log holds", figure, approvals == 1 && verified.status.success());
        Ok(())
    }

    async fn halves(&self, report: &mut Report) -> anyhow::Result<()> {
        let attempts = "SELECT count(*) FROM attempt t WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = t.delivery_id)";
        let notices = "SELECT count(*) FROM notice n WHERE n.merged_into IS NULL \
                       AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = n.id)";
        let (attempts, notices) = (self.count(attempts).await?, self.count(notices).await?);
        let outbox = self.count("SELECT count(*) FROM outbox").await?;
        let figure = format!(
            "{attempts} attempts of nothing, {notices} notices without rungs, {outbox} tasks left in the outbox"
        );
        report.line("I9", "no half transactions", figure, attempts + notices + outbox == 0);
        Ok(())
    }
}
