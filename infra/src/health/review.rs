//! Everybody is looked at again by the rules in force, some hundred at a time.

use std::collections::{BTreeSet, HashMap};

use mashang_domain::health::{Colour, Event, Fact, Review, RuleSet};
use mashang_domain::person::Actor;
use mashang_domain::time::Timestamp;
use mashang_entity::rule_version;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::batch::changed;
use super::{Happening, apply};
use crate::bugs::{self, Bug};
use crate::db::Db;
use crate::store::rule_version::{self as versions, Progress};
use crate::store::{health, health_match};

/// The name under which history has what it changes.
pub const JOB: &str = "rules";

/// People of one transaction.
const BATCH: u64 = 500;

/// What a step has done.
#[derive(Debug, Clone)]
pub struct Step {
    /// The version as it stands after it.
    pub version: rule_version::Model,
    /// Whose codes changed: what is cached of them is to be dropped.
    pub changed: Vec<Uuid>,
}

/// Looks at the next people by `rules`, which must be those of `version`, and notes how far that is. `None`: another process
/// was faster, or everybody was looked at.
///
/// # Errors
/// When the database fails; nothing of the step is kept.
pub async fn step(
    db: &Db,
    rules: &RuleSet,
    version: &rule_version::Model,
    now: Timestamp,
) -> Result<Option<Step>, DbErr> {
    let tx = db.begin_write().await?;
    let rows = health_match::codes_after(&*tx, version.reviewed_to, BATCH).await?;
    let people: Vec<Uuid> = rows.iter().map(|row| row.person_id).collect();
    let changed = look_again(&*tx, rules, &people, now).await?;
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let after = rule_version::Model {
        reviewed_to: people.last().copied().or(version.reviewed_to),
        reviewed: version.reviewed + count(people.len()),
        changed: version.changed + count(changed.len()),
        done_at: people.is_empty().then_some(now),
        ..version.clone()
    };
    let progress = Progress {
        to: after.reviewed_to,
        reviewed: after.reviewed,
        changed: after.changed,
        done_at: after.done_at,
    };
    if !versions::advance(&*tx, version, progress).await? && !bugs::has(Bug::ReviewUnfenced) {
        tx.rollback().await?;
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(Step { version: after, changed }))
}

/// Applies the rules to everything that is known of these people; answers whose codes changed.
async fn look_again(
    tx: &impl ConnectionTrait,
    rules: &RuleSet,
    people: &[Uuid],
    now: Timestamp,
) -> Result<Vec<Uuid>, DbErr> {
    let rows = health::take(tx, people).await?;
    let mut known: HashMap<Uuid, (BTreeSet<Fact>, Uuid)> = HashMap::new();
    // In the order of time: the last one is the newest.
    for row in health::known(tx, people).await? {
        let (facts, newest) = known.entry(row.person_id).or_insert((BTreeSet::new(), row.evidence));
        facts.extend(row.fact());
        *newest = row.evidence;
    }
    let again = |person: &Uuid| {
        let row = rows.get(person)?;
        if bugs::has(Bug::ReviewPassesRed) && row.colour == Colour::Red {
            return None;
        }
        let (mut facts, evidence) = known.remove(person)?;
        facts.extend(row.valid_from.map(|_| Fact::Declared));
        let event = Event::Reviewed { facts, because: Review::RulesChanged { evidence } };
        let division = row.division_code.clone();
        Some(Happening { person: *person, division, event, actor: Actor::System(JOB) })
    };
    let happenings: Vec<Happening> = people.iter().filter_map(again).collect();
    let done = apply(tx, rules, &happenings, now).await?;
    Ok(changed(&happenings, &done))
}
