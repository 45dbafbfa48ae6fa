//! The history of a code, as people read it: what changed, why, by which office, and on which ground where by hand.

use std::collections::HashMap;
use std::sync::Arc;

use mashang_domain::health::{ChangeKind, Ground, RuleSet};
use mashang_domain::protection::audit::Purpose;
use mashang_entity::health_change;
use mashang_infra::health::by_hand::paper_of;
use mashang_infra::store::{colour_change, health as codes, health_rules};
use uuid::Uuid;

use crate::error::Answer;
use crate::state::App;

/// A change with its reason in words.
pub struct Entry {
    pub change: health_change::Model,
    /// The text of the reason by the rules of that time, in Chinese and English.
    pub zh: String,
    pub en: String,
    /// Of a change by hand.
    pub by_hand: Option<ByHand>,
}

/// On what an official changed it.
pub struct ByHand {
    pub ground: Ground,
    pub document: String,
}

/// A page of a person's history, newest first, from before `before` on.
pub async fn page(
    app: &App,
    person: Uuid,
    before: Option<Uuid>,
    limit: u64,
    purpose: Purpose,
) -> Answer<Vec<Entry>> {
    let conn = app.db.conn();
    let changes = codes::changes_of(conn, person, before, limit).await?;
    let manual = changes.iter().filter(|c| c.kind == ChangeKind::Manual).filter_map(|c| c.evidence);
    let decisions = colour_change::by_ids(conn, &manual.collect::<Vec<_>>()).await?;
    let decisions: HashMap<Uuid, _> = decisions.into_iter().map(|row| (row.id, row)).collect();
    let mut texts = Texts::new(app);
    let mut entries = Vec::with_capacity(changes.len());
    for change in changes {
        let decision = change.evidence.and_then(|id| decisions.get(&id));
        let by_hand = decision.map(|row| -> Answer<ByHand> {
            let document = paper_of(&app.keys, row, purpose)?.document;
            Ok(ByHand { ground: row.ground, document })
        });
        let by_hand = by_hand.transpose()?;
        let (zh, en) = texts.of(&change.reason, change.rule_version).await?;
        entries.push(Entry { change, zh, en, by_hand });
    }
    Ok(entries)
}

/// Which office acted, never who: `self`, `official` or `system`.
pub fn office(actor_kind: &str) -> &'static str {
    match actor_kind {
        "citizen" => "self",
        "system" => "system",
        _ => "official",
    }
}

/// The texts of reasons, by the version of the rules that they were given by.
pub(super) struct Texts<'a> {
    app: &'a App,
    current: Arc<RuleSet>,
    earlier: HashMap<i32, Option<RuleSet>>,
}

impl<'a> Texts<'a> {
    pub fn new(app: &'a App) -> Self {
        Self { app, current: app.rules.current(), earlier: HashMap::new() }
    }

    /// A reason that no rules we know have a text for stands for itself.
    pub async fn of(&mut self, reason: &str, version: i32) -> Answer<(String, String)> {
        if i64::from(version) != i64::from(self.current.version) && !self.earlier.contains_key(&version) {
            let text = health_rules::text(self.app.db.conn(), version).await?;
            self.earlier.insert(version, text.and_then(|text| RuleSet::parse(&text).ok()));
        }
        let then = self.earlier.get(&version).and_then(Option::as_ref);
        let text = then.and_then(|rules| rules.text(reason)).or_else(|| self.current.text(reason));
        Ok(text.unwrap_or_else(|| (reason.to_owned(), reason.to_owned())))
    }
}
