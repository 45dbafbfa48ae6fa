//! How long each kind of data is kept: one table, walked by the nightly job and by the end of the operation.
//!
//! A table of the schema that has no row in [`TABLE`] fails a test of the stores, and so does a page of `docs/privacy.md`
//! that says something else than [`retention_markdown`].

mod table;

pub use table::TABLE;

crate::macros::words! {
    /// The settings that bound how long data is kept: `retention.<word>`.
    Period {
        Scans = "scans_days", LoginCodes = "login_codes_days", Sessions = "sessions_days", Traces = "traces_days",
        Deliveries = "deliveries_days", Idempotency = "idempotency_days", Imports = "imports_days", Jobs = "job_days",
        Audit = "audit_days",
        Health = "health_days", CodeChecks = "code_checks_days",
    }
}

/// The values of those settings, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionDays {
    pub scans: u32,
    pub login_codes: u32,
    pub sessions: u32,
    pub traces: u32,
    pub deliveries: u32,
    pub idempotency: u32,
    pub imports: u32,
    pub jobs: u32,
    pub audit: u32,
    pub health: u32,
    pub code_checks: u32,
}

impl RetentionDays {
    pub const fn of(&self, period: Period) -> u32 {
        match period {
            Period::Scans => self.scans,
            Period::LoginCodes => self.login_codes,
            Period::Sessions => self.sessions,
            Period::Traces => self.traces,
            Period::Deliveries => self.deliveries,
            Period::Idempotency => self.idempotency,
            Period::Imports => self.imports,
            Period::Jobs => self.jobs,
            Period::Audit => self.audit,
            Period::Health => self.health,
            Period::CodeChecks => self.code_checks,
        }
    }
}

/// How the rows of a table name their parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// In the child.
    pub column: &'static str,
    /// In the parent.
    pub of: &'static str,
}

/// When a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// So many days after the instant in `since`: a column, or an SQL expression over columns of the row.
    After { period: Period, since: &'static str },
    /// As `After`; where the table is partitioned by day, whole days are dropped.
    DaysAfter { period: Period, since: &'static str },
    /// With the row of `parent` that `key` names; that row goes so many days after its `since`.
    With { parent: &'static str, key: Key, period: Period, since: &'static str },
    /// With the row of `parent` that it refers to: the database deletes both at once.
    Along { parent: &'static str },
    /// When nothing of the last days refers to the person any more.
    Unused { period: Period, since: &'static str },
    /// From the oldest end, so that the chain of the rest still verifies.
    Trimmed { period: Period, since: &'static str },
    /// With the operation.
    UntilTheEnd,
    /// Never: it holds nothing about a person and proves what was done.
    Outlives,
}

impl Rule {
    /// The setting that bounds it, if one does.
    pub const fn period(self) -> Option<Period> {
        match self {
            Rule::After { period, .. }
            | Rule::DaysAfter { period, .. }
            | Rule::With { period, .. }
            | Rule::Unused { period, .. }
            | Rule::Trimmed { period, .. } => Some(period),
            Rule::Along { .. } | Rule::UntilTheEnd | Rule::Outlives => None,
        }
    }

    /// Whether the end of the operation empties the table.
    pub const fn emptied_at_the_end(self) -> bool {
        match self {
            Rule::After { .. }
            | Rule::DaysAfter { .. }
            | Rule::With { .. }
            | Rule::Along { .. }
            | Rule::Unused { .. }
            | Rule::UntilTheEnd => true,
            Rule::Trimmed { .. } | Rule::Outlives => false,
        }
    }

    /// The job that deletes.
    pub const fn job(self) -> &'static str {
        match self {
            Rule::After { .. }
            | Rule::DaysAfter { .. }
            | Rule::With { .. }
            | Rule::Along { .. }
            | Rule::Unused { .. }
            | Rule::Trimmed { .. } => "retention",
            Rule::UntilTheEnd => "destruction",
            Rule::Outlives => "–",
        }
    }
}

/// Whether rows of a table are about people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Personal {
    /// Says something about a person.
    Yes,
    /// Holds the random id of a person and nothing else about them.
    RandomId,
    No,
}

/// One table of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    pub table: &'static str,
    pub holds_zh: &'static str,
    pub holds_en: &'static str,
    pub personal: Personal,
    pub rule: Rule,
    pub why_zh: &'static str,
    pub why_en: &'static str,
}

/// The row of a table.
pub fn kept(table: &str) -> Option<&'static Kept> {
    TABLE.iter().find(|k| k.table == table)
}

/// The table as it stands in the documentation, for these settings.
pub fn retention_markdown(days: &RetentionDays) -> String {
    let mut out = String::from(
        "| 数据表 table | 内容 holds | 个人信息 personal | 保存 kept | 原因 why | 删除 deleted by |\n|---|---|---|---|---|---|\n",
    );
    for k in TABLE {
        let personal = match k.personal {
            Personal::Yes => "是 yes",
            Personal::RandomId => "仅随机编号 random id only",
            Personal::No => "否 no",
        };
        out.push_str(&format!(
            "| `{}` | {}。{}. | {personal} | {} | {}。{}. | {} |\n",
            k.table,
            k.holds_zh,
            k.holds_en,
            for_how_long(k.rule, days),
            k.why_zh,
            k.why_en,
            k.rule.job(),
        ));
    }
    out
}

fn for_how_long(rule: Rule, days: &RetentionDays) -> String {
    let span = |period: Period| format!("{} 天 days (`retention.{period}`)", days.of(period));
    match rule {
        Rule::After { period, since } | Rule::DaysAfter { period, since } => {
            format!("{}，自 from `{since}`", span(period))
        }
        Rule::With { parent, period, since, .. } => {
            format!("同 with `{parent}`：{}，自 from `{since}`", span(period))
        }
        Rule::Along { parent } => format!("同 with `{parent}`"),
        Rule::Unused { period, since } => {
            format!("本人注销，或 erased by the person, or unused for {}，自 from `{since}`", span(period))
        }
        Rule::Trimmed { period, since } => {
            format!("{}，自 from `{since}`；结束后仍保留 outlives the operation", span(period))
        }
        Rule::UntilTheEnd => "至行动结束 until the operation ends".to_owned(),
        Rule::Outlives => "结束后仍保留 outlives the operation".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_used_and_no_table_stands_twice() {
        for period in Period::ALL {
            assert!(TABLE.iter().any(|k| k.rule.period() == Some(*period)), "{period}");
        }
        let mut names: Vec<_> = TABLE.iter().map(|k| k.table).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn what_outlives_the_end_says_nothing_about_a_person() {
        for k in TABLE.iter().filter(|k| !k.rule.emptied_at_the_end()) {
            assert_ne!(k.personal, Personal::Yes, "{}", k.table);
        }
    }

    #[test]
    fn rows_that_go_with_another_stand_before_it() {
        for (n, k) in TABLE.iter().enumerate() {
            if let Rule::With { parent, .. } | Rule::Along { parent } = k.rule {
                assert!(TABLE[n..].iter().any(|p| p.table == parent), "{}", k.table);
            }
        }
    }
}
