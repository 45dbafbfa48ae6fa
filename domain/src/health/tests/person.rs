//! Somebody whose code a test follows.

use super::*;
use crate::time::DAY;

/// Somebody, their state, and the clock.
pub struct Person {
    pub rules: RuleSet,
    pub state: HealthState,
    pub now: Timestamp,
    pub last: Option<Outcome>,
    n: u128,
}

impl Person {
    pub fn new() -> Self {
        let now = at("2020-02-11T12:00:00+08:00");
        Self { rules: RuleSet::shipped(), state: HealthState::undeclared(now), now, last: None, n: 0 }
    }

    pub fn coloured(colour: Colour) -> Self {
        let mut person = Self::new();
        person.declares(&[]);
        person.does(Act::Expose { colour, days: 0 });
        person
    }

    pub fn event(&mut self, event: &Event) -> Result<(), Refused> {
        let outcome = apply(&self.state, event, &self.rules, self.now)?;
        self.state = outcome.state.clone();
        self.last = Some(outcome);
        Ok(())
    }

    pub fn does(&mut self, act: Act) {
        self.n += 1;
        self.event(&event_of(act, self.n)).expect("applies");
    }

    pub fn declares(&mut self, facts: &[Fact]) {
        self.n += 1;
        let declared =
            Event::Declared { facts: facts.iter().copied().collect(), declaration: Uuid::from_u128(self.n) };
        self.event(&declared).expect("applies");
    }

    /// A normal check-in on each of so many days, the first one today, and stays on the last.
    pub fn checks_in(&mut self, days: usize) {
        for day in 0..days {
            self.now = self.now + if day > 0 { DAY } else { 0 };
            self.does(Act::CheckIn);
        }
    }

    pub fn is(&self) -> (Colour, &str, u16) {
        (self.state.colour, self.state.reason.as_str(), self.state.left)
    }
}
