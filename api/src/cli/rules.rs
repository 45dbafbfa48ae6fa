//! `rules check`: is a file a rule set, and what does it hold. `rules explain`: why somebody's code is what it is.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use mashang_config::Settings;
use mashang_domain::health::explain::Match;
use mashang_domain::health::{Because, Colour, Fact, Rule, RuleSet, RuleSetError, as_of, explain};
use mashang_domain::person::Actor;
use mashang_domain::protection::audit::Purpose;
use mashang_infra::db::Db;
use mashang_infra::health::rules::{Rules, text_of};
use mashang_infra::health::state_of;
use mashang_infra::health::versions::{Followed, follow};
use mashang_infra::store::audit::{self, Act};
use mashang_infra::store::health;
use serde_json::json;
use uuid::Uuid;

use super::say;

#[derive(Subcommand)]
pub(super) enum RulesCommand {
    /// Check a file of rules and print what it holds; the shipped rules where no file is named.
    Check(Check),
    /// Say what is known of a person, which rules match, which decides and why. Recorded in the audit log.
    Explain(Explain),
}

#[derive(Args)]
pub(super) struct Check {
    file: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Explain {
    person_id: Uuid,
}

/// Parses and checks a file.
pub(super) fn check(check: &Check) -> anyhow::Result<()> {
    let file = check.file.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
    let rules = match RuleSet::parse(&text_of(&file)?) {
        Ok(rules) => rules,
        Err(RuleSetError::Syntax(fault)) => bail!("不是有效的规则文件 / no rule set:\n{fault}"),
        Err(RuleSetError::Faults(faults)) => {
            let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
            bail!("规则有误 / {} faults:\n{}", faults.len(), lines.join("\n"))
        }
    };
    say(&format!("规则 rules {} version {}", rules.id, rules.version));
    say(&format!(
        "发热 fever {}.{} °C, 黄码 yellow {} 天 days, 红码 red {} 天 days, 绿码有效 green valid {} 天 days, 红转绿须核准 red needs a release: {}",
        rules.fever.0 / 10,
        rules.fever.0 % 10,
        rules.yellow_days,
        rules.red_days,
        rules.green_valid_days,
        rules.red_release_needs_approval
    ));
    let lists: Vec<&str> = rules.contradicts.iter().map(|kind| kind.as_str()).collect();
    say(&format!("虚假申报依据 false by: {}", lists.join(", ")));
    for rule in &rules.rules {
        say(&format!(
            "{:<7}{:>3}  {:<24} {}",
            rule.colour.as_str(),
            rules.days_of(rule),
            rule.id,
            condition(rule)
        ));
    }
    Ok(())
}

/// `declared and (a or b)`
fn condition(rule: &Rule) -> String {
    let words = |facts: &BTreeSet<Fact>| facts.iter().map(|f| f.as_str()).collect::<Vec<_>>();
    let one_of = |facts: &BTreeSet<Fact>| match words(facts).as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        some => Some(format!("({})", some.join(" or "))),
    };
    let all = words(&rule.all).into_iter().map(str::to_owned);
    let parts: Vec<String> = all.chain(one_of(&rule.any)).chain(one_of(&rule.with)).collect();
    parts.join(" and ")
}

pub(super) async fn run(settings: Settings, command: RulesCommand) -> anyhow::Result<()> {
    let person = match command {
        RulesCommand::Check(file) => return check(&file),
        RulesCommand::Explain(Explain { person_id }) => person_id,
    };
    crate::start::check_settings(&settings)?;
    let now = crate::start::clock(&settings).now();
    let db = crate::start::database(&settings).await?;
    let rules = Rules::load(&settings.health.rules_file).context("health.rules_file")?;
    if let Followed::Unknown(newest, error) = follow(&db, &rules).await? {
        bail!(
            "version {} of the rules is in force, and this release does not understand it: {error}",
            newest.version
        );
    }
    let rules = rules.current();
    let Some(row) = health::by_person(db.conn(), person).await? else {
        bail!("此人没有健康码 / there is no code of this person");
    };
    record(&db, person, now).await?;
    let state = as_of(&state_of(&row), &rules, now);
    let (zh, en) = rules.text(&state.reason).unwrap_or_default();
    say(&format!("颜色 colour: {}，自 since {}", state.colour, state.since));
    say(&format!("原因 reason: {} {zh} {en}", state.reason));
    let evidence = state.evidence.map_or_else(|| "–".to_owned(), |id| id.to_string());
    say(&format!("依据 rule: {}, evidence: {evidence}", state.rule.as_deref().unwrap_or("–")));
    say(&format!("天数 days: {} / {}", state.days_done(), state.required));
    let known = health::known(db.conn(), &[person]).await?;
    say("已知 known:");
    for fact in &known {
        say(&format!("  {:<22} {} {}", fact.fact, fact.at, fact.evidence));
    }
    let mut facts: BTreeSet<Fact> = known.iter().filter_map(health::Known::fact).collect();
    facts.extend(state.valid_from.map(|_| Fact::Declared));
    tell(&facts, &rules, state.colour);
    Ok(())
}

/// What the rules make of these facts, and how that is to the present colour.
fn tell(facts: &BTreeSet<Fact>, rules: &RuleSet, present: Colour) {
    let Some(found) = explain(facts, rules) else {
        say("没有规则适用 / no rule matches what is known");
        return;
    };
    let (zh, en) = because(found.because);
    say(&format!("适用规则 rules that match ({} version {}):", found.rule_set, found.version));
    say(&matched("→", &found.winner));
    found.others.iter().for_each(|other| say(&matched(" ", other)));
    say(&format!("决定 decides: {}，{zh} / {en}", found.winner.rule.id));
    if found.winner.rule.colour != present {
        say(
            "当前颜色不同：由人工决定、打卡进度或申报过期所致 / the present colour is another one: by a decision, by days that were done, or because the declaration has expired",
        );
    }
}

fn matched(sign: &str, found: &Match<'_>) -> String {
    let facts: Vec<&str> = found.facts.iter().map(|fact| fact.as_str()).collect();
    format!(
        "  {sign} {:<24} {:<7}{:>3}  {}",
        found.rule.id,
        found.rule.colour.as_str(),
        found.days,
        facts.join(", ")
    )
}

const fn because(because: Because) -> (&'static str, &'static str) {
    match because {
        Because::OnlyMatch => ("唯一适用的规则", "the only rule that matches"),
        Because::WorstColour => ("颜色最严重", "its colour is worse than that of all others"),
        Because::MostDays => {
            ("同色规则中天数最多", "of those with its colour it asks for more days than all others")
        }
        Because::First => {
            ("同色同天数规则中排在最前", "of those with its colour and its days it stands first")
        }
    }
}

async fn record(db: &Db, person: Uuid, now: mashang_domain::time::Timestamp) -> anyhow::Result<()> {
    let tx = db.begin_write().await?;
    let act = Act {
        actor: &Actor::System("command line"),
        action: "health.explain",
        purpose: Purpose::HealthCode,
        subject: Some(person),
        object_kind: "health",
        object_id: person.to_string(),
        detail: json!({}),
    };
    audit::append(&*tx, act, now).await?;
    tx.commit().await?;
    Ok(())
}
