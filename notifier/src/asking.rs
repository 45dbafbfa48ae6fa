//! Receipts that did not come are asked for.
//!
//! Where a provider answers ([`crate::gateway::Answering`]), lost answers and accepted messages without a receipt are asked
//! about after `dispatch.ask_after_seconds`, and again after as long, at most `dispatch.ask_per_second` of them. What it says
//! goes the way of pushed receipts. A message that turns out to be on its way is accepted, and so not sent again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mashang_domain::protection::audit::Purpose;
use mashang_domain::time::{DAY, SECOND};
use mashang_infra::keys::Field;
use mashang_infra::store;
use mashang_infra::store::delivery::{Ask, Asked};
use sea_orm::DbErr;
use tokio::time::Instant;

use crate::gateway::{Answer, NoAnswer, Question};
use crate::receipt::Receipt;
use crate::receipts;
use crate::road::Road;
use crate::service::Core;

/// Between two passes.
const EVERY: Duration = Duration::from_secs(5);
/// For how long answers are gathered until they are written down together: what was found does not wait for the end of a
/// long pass, nor end with a process that dies in it.
const GATHER: Duration = Duration::from_secs(1);
/// A pass that took longer takes no further questions.
const LONGEST: Duration = Duration::from_secs(30);
/// Questions in a row that may be lost before a provider counts as away.
const LOST: usize = 3;
/// Providers remember a week.
const REMEMBERED: i64 = 7 * DAY;

/// What a pass came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    pub asked: usize,
    /// Receipts that were found and applied, fetched ones among them.
    pub receipts: usize,
    /// Lost answers that turned out to be on their way.
    pub acknowledged: u64,
    /// Questions without an answer.
    pub failed: usize,
}

/// Asks until the soft stop; ends at once where nobody answers.
pub async fn run(core: Arc<Core>) {
    if answering(&core).is_empty() {
        return;
    }
    for road in answering(&core) {
        failures(road.name()).increment(0);
    }
    let heartbeat = core.life.heartbeat("asking");
    loop {
        match pass(&core).await {
            Ok(passed) => {
                heartbeat.beat();
                if passed != Passed::default() {
                    tracing::debug!(?passed, "asked for receipts");
                }
            }
            Err(error) => tracing::warn!(%error, "receipts could not be asked for"),
        }
        if core.life.soft.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// The roads whose providers answer and are asked.
pub(crate) fn answering(core: &Core) -> Vec<Arc<Road>> {
    if core.settings.dispatch.ask_per_second == 0 {
        return Vec::new();
    }
    core.router.roads().iter().filter(|road| road.gateway.as_answering().is_some()).cloned().collect()
}

/// One pass: what waits to be fetched, then the questions that are due, at their pace. They are taken by the second, so that
/// lost answers never wait behind all the receipts that did not come, and few are marked that a process dies with.
pub async fn pass(core: &Core) -> Result<Passed, DbErr> {
    let mut pass = Pass { roads: answering(core), ..Pass::default() };
    for road in &pass.roads {
        match fetch(road).await {
            Ok(receipts) => pass.heard.receipts.extend(receipts),
            Err(error) => complain(road.name(), &error, &mut pass.passed),
        }
    }
    let begun = Instant::now();
    for _ in 0..EVERY.as_secs() {
        let questions = questions(core, &pass.roads).await?;
        if questions.is_empty() {
            break;
        }
        pass.ask_all(core, questions).await?;
        if core.life.soft.is_cancelled() || begun.elapsed() > LONGEST {
            break;
        }
    }
    write_down(core, std::mem::take(&mut pass.heard), &mut pass.passed).await?;
    Ok(pass.passed)
}

/// A pass under way.
#[derive(Default)]
struct Pass {
    passed: Passed,
    heard: Heard,
    /// The roads that are still asked: who throttles or is away is left alone until the next pass.
    roads: Vec<Arc<Road>>,
    /// Questions in a row without an answer, by their gateway.
    lost: Vec<String>,
}

impl Pass {
    async fn ask_all(&mut self, core: &Core, questions: Vec<(Asked, Question)>) -> Result<(), DbErr> {
        let pause = Duration::from_secs(1) / core.settings.dispatch.ask_per_second.max(1);
        let (heartbeat, mut written) = (core.life.heartbeat("asking"), Instant::now());
        for (asked, question) in questions {
            if core.life.soft.is_cancelled() {
                break;
            }
            if !self.roads.iter().any(|road| road.name() == asked.gateway) {
                continue;
            }
            if !self.ask(core, &asked, &question).await {
                continue;
            }
            if written.elapsed() >= GATHER {
                // A provider that takes its time for each of many questions is no loop that stands still.
                heartbeat.beat();
                written = Instant::now();
                write_down(core, std::mem::take(&mut self.heard), &mut self.passed).await?;
            }
            tokio::time::sleep(pause).await;
        }
        write_down(core, std::mem::take(&mut self.heard), &mut self.passed).await
    }

    /// Whether there was an answer.
    async fn ask(&mut self, core: &Core, asked: &Asked, question: &Question) -> bool {
        self.passed.asked += 1;
        match ask(core, &asked.gateway, question).await {
            Ok(Answer::Receipt(receipt)) => self.heard.receipts.push(receipt),
            Ok(Answer::OnItsWay) => self.heard.on_their_way.push(asked.reference.clone()),
            Ok(Answer::NotKnown) => self.heard.denied.push(asked.reference.clone()),
            Err(error) => {
                complain(&asked.gateway, &error, &mut self.passed);
                self.lost.push(asked.gateway.clone());
                let away = self.lost.iter().filter(|name| **name == asked.gateway).count() >= LOST;
                if away || !matches!(error, NoAnswer::Lost(_)) {
                    self.roads.retain(|road| road.name() != asked.gateway);
                }
                return false;
            }
        }
        self.lost.retain(|name| *name != asked.gateway);
        true
    }
}

/// What providers said, until it is written down.
#[derive(Default)]
struct Heard {
    receipts: Vec<Receipt>,
    /// References of attempts that were taken.
    on_their_way: Vec<String>,
    /// Of those that nothing is known of.
    denied: Vec<String>,
}

async fn write_down(core: &Core, heard: Heard, passed: &mut Passed) -> Result<(), DbErr> {
    passed.receipts += receipts::apply(core, &heard.receipts).await?.applied;
    if heard.on_their_way.is_empty() && heard.denied.is_empty() {
        return Ok(());
    }
    let tx = core.db.begin_write().await?;
    let now = core.clock.now();
    passed.acknowledged += store::delivery::acknowledge(&*tx, &words(&heard.on_their_way), now).await?;
    store::delivery::deny(&*tx, &words(&heard.denied), now).await?;
    tx.commit().await
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

async fn fetch(road: &Road) -> Result<Vec<Receipt>, NoAnswer> {
    match road.gateway.as_answering() {
        Some(provider) => provider.fetch().await,
        None => Ok(Vec::new()),
    }
}

async fn ask(core: &Core, gateway: &str, question: &Question) -> Result<Answer, NoAnswer> {
    match core.router.by_name(gateway).and_then(|road| road.gateway.as_answering()) {
        Some(provider) => provider.ask(question).await,
        None => Ok(Answer::NotKnown),
    }
}

fn complain(gateway: &str, error: &NoAnswer, passed: &mut Passed) {
    passed.failed += 1;
    failures(gateway).increment(1);
    tracing::warn!(gateway, %error, "a provider does not answer for its messages");
}

fn failures(gateway: &str) -> metrics::Counter {
    metrics::counter!("mashang_asking_failures_total", "gateway" => gateway.to_owned())
}

/// Takes what is due, as much as may be asked in a second, and opens the numbers it was sent to.
async fn questions(core: &Core, roads: &[Arc<Road>]) -> Result<Vec<(Asked, Question)>, DbErr> {
    if roads.is_empty() {
        return Ok(Vec::new());
    }
    let (now, dispatch) = (core.clock.now(), &core.settings.dispatch);
    let names: Vec<&str> = roads.iter().map(|road| road.name()).collect();
    let before = now - dispatch.ask_after_seconds * SECOND;
    let ask = Ask {
        gateways: &names,
        from: now - REMEMBERED.min(dispatch.receipt_wait_seconds * SECOND),
        until: before,
        asked_until: before,
        now,
        limit: u64::from(dispatch.ask_per_second),
    };
    let tx = core.db.begin_write().await?;
    let due = store::delivery::take_to_ask(&*tx, &ask).await?;
    tx.commit().await?;
    let deliveries: Vec<_> = due.iter().map(|asked| asked.delivery_id).collect();
    let people: HashMap<_, _> =
        store::delivery::people_of(core.db.conn(), &deliveries).await?.into_iter().collect();
    let question = |asked: Asked| {
        let person = people.get(&asked.delivery_id)?;
        let (field, sealed) = (Field::PersonPhone, &person.phone_sealed);
        let phone =
            core.keys.open_phone(field, person.id, person.key_version, sealed, Purpose::Alert).ok()?;
        let (provider_id, told) = (asked.provider_id.clone(), asked.told.clone());
        let question = Question { phone, provider_id, told, sent_at: asked.started_at };
        Some((asked, question))
    };
    Ok(due.into_iter().filter_map(question).collect())
}
