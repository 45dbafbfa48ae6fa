//! How far an alert has come, from its approval until nothing is in doubt any more.

use std::time::Duration;

use anyhow::{bail, ensure};
use mashang_domain::time::Timestamp;
use mashang_infra::clock::Clock;
use mashang_tests::fake_provider::{Accepted, FakeProvider, Weather};
use tokio::time::{Instant, sleep};

use super::stage::{Dispatch, RECONCILE, SWEEP};

/// After so long a provider is asked, and then in each pass of asking.
const ASK_AFTER: Duration = Duration::from_secs(11);
const ASK_PASS: Duration = Duration::from_secs(9);

/// How far the alert has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    /// Deliveries that wait or are under way, but for those that may have been sent already.
    pub ahead: i64,
    /// Lost answers, and what is sent once more because of them.
    pub in_doubt: i64,
    pub done: bool,
}

impl Dispatch {
    /// Waits until this share of the exposed has been told.
    pub async fn told(&self, share: f64) -> anyhow::Result<()> {
        let wanted = (self.outbreak.exposed.len() as f64 * share) as usize;
        let begun = Instant::now();
        while self.providers.iter().map(FakeProvider::taken).sum::<usize>() < wanted {
            ensure!(begun.elapsed() < Duration::from_secs(60), "{wanted} people are not told in a minute");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    pub async fn standing(&self) -> anyhow::Result<Standing> {
        let ahead =
            "SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending') AND possible_duplicates = 0";
        let doubt = "SELECT count(*) FROM delivery WHERE state = 'unknown' \
                     OR state IN ('pending', 'sending') AND possible_duplicates > 0";
        let done = "SELECT count(*) FROM alert WHERE state = 'done'";
        let (waiting, made) = (self.count(ahead).await?, self.count("SELECT count(*) FROM delivery").await?);
        // Until everybody has a row for every rung, the others are ahead as well.
        let all = i64::try_from(self.rungs * self.outbreak.exposed.len())?;
        let ahead = waiting + (all - made);
        Ok(Standing { ahead, in_doubt: self.count(doubt).await?, done: self.count(done).await? == 1 })
    }

    /// Waits until everybody has been told but those whose answers were lost; seconds from now. The faults are over.
    pub async fn drained(&mut self) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let left = self.standing().await.map_or(0, |s| s.ahead);
        loop {
            match self.standing().await {
                Ok(Standing { ahead: 0, .. }) => break,
                Ok(now) if begun.elapsed() > Duration::from_secs(120) => {
                    bail!("not drained in two minutes: {now:?}")
                }
                Err(error) if begun.elapsed() > Duration::from_secs(60) => return Err(error),
                Ok(_) | Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        let took = begun.elapsed().as_secs_f64();
        self.drained_at = wall();
        self.report.note(&format!("{left} deliveries were ahead when the faults ended"));
        Ok(took)
    }

    /// Clears up what is in doubt: time goes on until the providers have been asked, and until the wait is over.
    pub async fn settled(&mut self) -> anyhow::Result<()> {
        for provider in &self.providers {
            provider.fail_always(None);
            provider.weather(Weather::default());
        }
        let doubt = self.standing().await?.in_doubt;
        // What was lost long ago may not be moved past the second wait, in which its provider is asked once more.
        let half = RECONCILE / 2;
        let long = wall() - self.approved_at > i64::try_from(half.as_millis())?;
        let steps: &[Duration] = if long { &[ASK_AFTER, half, half] } else { &[ASK_AFTER, RECONCILE] };
        for step in steps {
            if self.standing().await?.in_doubt > 0 {
                self.clock.advance(i64::try_from(step.as_millis())?).await;
                self.asked().await?;
            }
        }
        let begun = Instant::now();
        while !self.standing().await?.done {
            ensure!(begun.elapsed() < Duration::from_secs(60), "never settled: {:?}", self.standing().await?);
            sleep(Duration::from_millis(100)).await;
        }
        // Whom nothing reached is put on the list by the next sweep.
        sleep(3 * SWEEP).await;
        self.report.note(&format!("{doubt} answers were lost and had to be cleared up"));
        Ok(())
    }

    /// Waits until the providers have been asked about everything that is in doubt, and have said all they know.
    async fn asked(&self) -> anyhow::Result<()> {
        let since = self.clock.now().millis() - i64::try_from(ASK_AFTER.as_millis())?;
        let unasked = format!(
            "SELECT count(*) FROM delivery d JOIN attempt t ON t.delivery_id = d.id AND t.epoch = d.epoch \
             WHERE d.state = 'unknown' AND (t.asked_at IS NULL OR t.asked_at < {since})"
        );
        let begun = Instant::now();
        let (mut left, mut since) = (self.standing().await?.in_doubt, Instant::now());
        while left > 0 && begun.elapsed() < Duration::from_secs(60) {
            sleep(Duration::from_millis(100)).await;
            let now = self.standing().await?.in_doubt;
            if now != left || self.count(&unasked).await? > 0 && begun.elapsed() < 2 * ASK_PASS {
                (left, since) = (now, Instant::now());
            }
            if since.elapsed() > ASK_PASS {
                break;
            }
        }
        Ok(())
    }

    /// Messages of all providers, oldest first.
    pub fn messages(&self) -> Vec<Accepted> {
        let mut all: Vec<Accepted> = self.providers.iter().flat_map(FakeProvider::accepted).collect();
        all.sort_by_key(|m| m.at);
        all
    }

    /// The longest time without a message between approval and draining, in seconds.
    pub fn silence(&self) -> f64 {
        let until = self.drained_at;
        let mut times: Vec<Timestamp> =
            self.messages().iter().map(|m| m.at).filter(|at| *at < until).collect();
        times.insert(0, self.approved_at);
        times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(0) as f64 / 1_000.0
    }

    /// The first message after an instant: seconds from there.
    pub fn first_after(&self, at: Timestamp) -> f64 {
        let first = self.messages().iter().map(|m| m.at).find(|taken| *taken >= at);
        first.map_or(f64::INFINITY, |taken| (taken - at) as f64 / 1_000.0)
    }

    /// Seconds from the approval until everybody was told whose answer was not lost.
    pub fn took(&self) -> f64 {
        (self.drained_at - self.approved_at) as f64 / 1_000.0
    }
}

/// What this machine calls now.
pub fn wall() -> Timestamp {
    Clock::system().now()
}
