//! The count of days in another way: from the whole diary of somebody, every time anew.
//!
//! The machine keeps two numbers and moves them. This keeps everything that happened, and looks at it: which exposures are
//! there, which run of days without a gap ends today, and does it hold enough days after each of them. Slow and obviously
//! right; tests compare the two, nothing else uses this.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::Colour;
use crate::time::Timestamp;

/// What happens, reduced to what the count depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A healthy declaration.
    Declare,
    /// Something that asks for this colour and so many days.
    Expose { colour: Colour, days: usize },
    /// A check-in with symptoms, which asks for this colour and so many days.
    Abnormal { colour: Colour, days: usize },
    /// A normal check-in.
    CheckIn,
    /// An official's release.
    Release,
    /// An appeal granted, to green.
    Clear,
    /// A day goes by.
    Nothing,
}

/// The two settings that the count depends on.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Days that green is valid; 0 = for ever.
    pub valid_days: u64,
    pub approval: bool,
}

#[derive(Debug, Clone, Copy)]
struct Exposure {
    place: usize,
    colour: Colour,
    days: usize,
    abnormal: bool,
}

/// Everything that happened to somebody.
#[derive(Debug, Clone)]
pub struct Diary {
    settings: Settings,
    latest: Timestamp,
    /// How many acts were written down.
    acts: usize,
    declared: Option<NaiveDate>,
    /// Since the last time of green.
    exposures: Vec<Exposure>,
    /// Normal check-ins that count, the first of their day.
    checked: Vec<(usize, NaiveDate)>,
    used: BTreeSet<NaiveDate>,
    done: bool,
}

impl Diary {
    pub fn new(settings: Settings, at: Timestamp) -> Self {
        let (exposures, checked) = (Vec::new(), Vec::new());
        let used = BTreeSet::new();
        Self { settings, latest: at, acts: 0, declared: None, exposures, checked, used, done: false }
    }

    /// Writes `act` down; `None` when it is refused, and then nothing has happened.
    pub fn after(&self, act: Act, now: Timestamp) -> Option<Self> {
        let mut next = self.clone();
        next.latest = now.max(self.latest);
        next.acts += 1;
        let today = next.latest.shanghai_day();
        next.forget_expired(today);
        let back = now < self.latest;
        let allowed = match act {
            Act::Nothing | Act::Expose { .. } | Act::Abnormal { .. } => true,
            Act::Declare => !back,
            Act::CheckIn => !back && next.colour() != Colour::Grey,
            Act::Release => !back && next.colour() == Colour::Red && next.done,
            Act::Clear => !back && !next.exposures.is_empty(),
        };
        allowed.then(|| {
            next.write(act, today, back);
            next
        })
    }

    fn write(&mut self, act: Act, today: NaiveDate, back: bool) {
        let place = self.acts;
        match act {
            Act::Nothing => {}
            Act::Declare => self.declared = Some(today),
            Act::Expose { colour, days } => {
                if self.done {
                    self.exposures.iter_mut().for_each(|e| e.days = 0);
                }
                self.done = false;
                self.exposures.push(Exposure { place, colour, days, abnormal: false });
            }
            Act::Abnormal { colour, days } => {
                self.keep_valid(today, back);
                self.done = false;
                self.used.insert(today);
                self.exposures.push(Exposure { place, colour, days, abnormal: true });
            }
            Act::CheckIn => {
                self.keep_valid(today, back);
                if self.used.insert(today) {
                    self.checked.push((place, today));
                }
                self.done |= !self.exposures.is_empty() && self.left() == 0;
                if self.done && !(self.colour() == Colour::Red && self.settings.approval) {
                    self.end(today);
                }
            }
            Act::Release | Act::Clear => self.end(today),
        }
    }

    /// The colour after the last act.
    pub fn colour(&self) -> Colour {
        let free = if self.declared.is_some() { Colour::Green } else { Colour::Grey };
        self.exposures.iter().map(|e| e.colour).fold(free, Colour::max)
    }

    /// The days that are left: for each exposure those that the present run does not hold after it.
    pub fn left(&self) -> usize {
        if self.done {
            return 0;
        }
        let run = self.run();
        let after = |e: &Exposure| run.iter().filter(|place| **place > e.place).count();
        self.exposures.iter().map(|e| e.days.saturating_sub(after(e))).max().unwrap_or(0)
    }

    /// The check-ins on days in a row, up to today or yesterday, since the last symptom.
    fn run(&self) -> Vec<usize> {
        let abnormal = self.exposures.iter().filter(|e| e.abnormal).map(|e| e.place).max().unwrap_or(0);
        let mut run = Vec::new();
        let mut wanted = self.latest.shanghai_day();
        for (place, day) in self.checked.iter().rev().filter(|(place, _)| *place > abnormal) {
            let first_may_be_yesterday = run.is_empty() && day.checked_add_days(Days::new(1)) == Some(wanted);
            if *day != wanted && !first_may_be_yesterday {
                break;
            }
            run.push(*place);
            wanted = day.pred_opt().unwrap_or(*day);
        }
        run
    }

    fn is_valid(&self, today: NaiveDate) -> bool {
        let for_ever = self.settings.valid_days == 0;
        self.declared.is_some_and(|day| for_ever || day + Days::new(self.settings.valid_days) >= today)
    }

    fn keep_valid(&mut self, today: NaiveDate, back: bool) {
        if !back && self.is_valid(today) {
            self.declared = Some(today);
        }
    }

    fn forget_expired(&mut self, today: NaiveDate) {
        if self.exposures.is_empty() && !self.is_valid(today) {
            self.declared = None;
        }
    }

    fn end(&mut self, today: NaiveDate) {
        self.exposures.clear();
        self.done = false;
        self.forget_expired(today);
    }
}
