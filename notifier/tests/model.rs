//! The way of a delivery as a model, checked in every order of events within small bounds: alert, attempt, lease, stream,
//! gateway, reconciliation, receipts; workers that die or sleep, answers and receipts that are lost, a Redis that is wiped.
//!
//! Transitions of a delivery are those of `mashang_domain::delivery::state`. What must hold: nobody is called of whom we
//! know that they were told; what may be a second message is counted; a receipt is never taken back; every run ends, and
//! where it ends everything is settled. The same model with a named defect in it must fail, or it would prove nothing.

use std::collections::HashSet;

use mashang_domain::delivery::DeliveryState;
use mashang_domain::delivery::state::{DeliveryEvent, next};
use stateright::{Checker, Model, Property};

use DeliveryState::{
    Accepted, Cancelled, Delivered, Expired, Failed, Pending, Sending, Skipped, Undelivered, Unknown,
    Unreachable,
};

const WORKERS: usize = 2;

/// A defect that somebody could put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    /// The call is made before the claim and its attempt are committed.
    CallBeforeCommit,
    /// Outcomes are recorded whoever owns the delivery by now.
    NoEpochCheck,
    /// A lost answer is taken for a refusal.
    BlindResend,
    /// The sweep ends at a row that cannot be read.
    SweepStopsAtBadItem,
}

/// How often what may go wrong does.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
struct Budget {
    crashes: u8,
    /// A worker sleeps past its lease.
    pauses: u8,
    lost_answers: u8,
    lost_receipts: u8,
    refusals: u8,
    wipes: u8,
    cancellations: u8,
}

const QUIET: Budget = Budget {
    crashes: 0,
    pauses: 0,
    lost_answers: 0,
    lost_receipts: 0,
    refusals: 0,
    wipes: 0,
    cancellations: 0,
};

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Answer {
    Accepted,
    Refused,
    Lost,
    /// The call was not begun.
    None,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Attempt {
    epoch: u8,
    /// The provider took it.
    taken: bool,
    recorded: Option<Answer>,
    /// A receipt is on its way.
    receipt: bool,
    /// We know that it was taken.
    known: bool,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Row {
    state: DeliveryState,
    bad: bool,
    epoch: u8,
    owner: Option<usize>,
    lease_passed: bool,
    possible_duplicates: u8,
    attempts: Vec<Attempt>,
    /// It was claimed for a call although we knew that its person was told.
    blind: bool,
    arrived: bool,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Worker {
    Idle,
    /// Has an entry of the stream.
    Took(usize),
    Claimed {
        row: usize,
        epoch: u8,
        /// Its lease is over, as its own clock tells it.
        late: bool,
    },
    Answered {
        row: usize,
        epoch: u8,
        answer: Answer,
    },
    /// Everything is committed; the entry is still to be acknowledged.
    Recorded(usize),
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct World {
    approved: bool,
    rows: Vec<Row>,
    /// By row: an entry, and who has taken it.
    stream: Vec<Option<Option<usize>>>,
    workers: [Worker; WORKERS],
    left: Budget,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Event {
    FanOut,
    Push(usize),
    Take(usize, usize),
    Claim(usize),
    Call(usize, Answer, bool),
    Record(usize),
    Acknowledge(usize),
    Crash(usize),
    LeasePasses(usize),
    EndLost(usize),
    Resolve(usize),
    Receipt(usize, usize),
    LoseReceipt(usize, usize),
    Wipe,
    Cancel,
}

struct Dispatch {
    /// Whether each row can be read.
    rows: Vec<bool>,
    budget: Budget,
    defect: Defect,
}

impl Row {
    fn step(&mut self, event: DeliveryEvent) -> bool {
        let Some(to) = next(self.state, event) else { return false };
        if self.state == Sending {
            (self.owner, self.lease_passed) = (None, false);
        }
        self.state = to;
        true
    }

    fn current(&mut self, epoch: u8) -> Option<&mut Attempt> {
        self.attempts.iter_mut().rev().find(|a| a.epoch == epoch)
    }

    fn taken(&self) -> usize {
        self.attempts.iter().filter(|a| a.taken).count()
    }

    fn settled(&self) -> bool {
        match self.state {
            Pending | Sending | Unknown => false,
            Accepted | Delivered | Undelivered | Failed | Expired | Cancelled | Unreachable | Skipped => true,
        }
    }
}

impl World {
    fn at_work(&self, worker: usize, row: usize) -> bool {
        match self.workers[worker] {
            Worker::Claimed { row: r, .. } | Worker::Answered { row: r, .. } => r == row,
            Worker::Idle | Worker::Took(_) | Worker::Recorded(_) => false,
        }
    }

    fn release(&mut self, worker: usize) {
        for entry in &mut self.stream {
            if *entry == Some(Some(worker)) {
                *entry = Some(None);
            }
        }
    }
}

impl Dispatch {
    /// Whether the sweep gets as far as this row.
    fn swept(&self, world: &World, row: usize) -> bool {
        self.defect != Defect::SweepStopsAtBadItem
            || !world.rows[..=row].iter().any(|r| r.bad && !r.settled())
    }

    fn claim(&self, world: &mut World, worker: usize, row: usize) {
        let r = &mut world.rows[row];
        if r.bad {
            // Set apart alone; with the defect its error ends the work instead.
            if self.defect != Defect::SweepStopsAtBadItem && r.state == Pending {
                r.state = Failed;
            }
            world.workers[worker] = Worker::Recorded(row);
            return;
        }
        if r.state != Pending {
            world.workers[worker] = Worker::Recorded(row);
            return;
        }
        if r.possible_duplicates > 0 && r.attempts.iter().any(|a| a.known) {
            r.step(DeliveryEvent::Accept);
            world.workers[worker] = Worker::Recorded(row);
            return;
        }
        // An answer or a receipt that comes between the claim and its call finds the call decided.
        r.blind |= r.attempts.iter().any(|a| a.known);
        let epoch = r.epoch + 1;
        if self.defect != Defect::CallBeforeCommit {
            r.step(DeliveryEvent::Claim);
            (r.epoch, r.owner) = (epoch, Some(worker));
        }
        r.attempts.push(Attempt { epoch, taken: false, recorded: None, receipt: false, known: false });
        world.workers[worker] = Worker::Claimed { row, epoch, late: false };
    }

    fn call(&self, world: &mut World, worker: usize, answer: Answer, taken: bool) -> Option<()> {
        let Worker::Claimed { row, epoch, late } = world.workers[worker] else { return None };
        let r = &mut world.rows[row];
        match answer {
            Answer::None if !late => return None,
            Answer::Accepted | Answer::Refused | Answer::Lost if late => return None,
            Answer::None | Answer::Accepted => {}
            Answer::Refused => world.left.refusals = world.left.refusals.checked_sub(1)?,
            Answer::Lost => world.left.lost_answers = world.left.lost_answers.checked_sub(1)?,
        }
        let attempt = r.current(epoch)?;
        (attempt.taken, attempt.receipt) = (taken, taken);
        world.workers[worker] = Worker::Answered { row, epoch, answer };
        Some(())
    }

    fn record(&self, world: &mut World, worker: usize) -> Option<()> {
        let Worker::Answered { row, epoch, answer } = world.workers[worker] else { return None };
        let r = &mut world.rows[row];
        if self.defect == Defect::CallBeforeCommit && r.state == Pending {
            r.step(DeliveryEvent::Claim);
            (r.epoch, r.owner) = (epoch, Some(worker));
        }
        if let Some(attempt) = r.current(epoch)
            && matches!(attempt.recorded, None | Some(Answer::Lost))
        {
            attempt.recorded = Some(answer);
            attempt.known |= answer == Answer::Accepted;
        }
        let event = match answer {
            Answer::Accepted => DeliveryEvent::Accept,
            Answer::Refused | Answer::None => DeliveryEvent::Refuse,
            Answer::Lost if self.defect == Defect::BlindResend => DeliveryEvent::Refuse,
            Answer::Lost => DeliveryEvent::LoseAnswer,
        };
        let mine = r.state == Sending && r.owner == Some(worker) && r.epoch == epoch;
        let late = matches!(r.state, Unknown | Pending) && r.epoch == epoch && answer == Answer::Accepted;
        if mine || late {
            r.step(event);
        } else if self.defect == Defect::NoEpochCheck {
            (r.owner, r.lease_passed) = (None, false);
            r.state = match event {
                DeliveryEvent::Accept => Accepted,
                DeliveryEvent::LoseAnswer => Unknown,
                DeliveryEvent::Refuse
                | DeliveryEvent::Claim
                | DeliveryEvent::GiveUp
                | DeliveryEvent::Resend
                | DeliveryEvent::Deliver
                | DeliveryEvent::FailToDeliver
                | DeliveryEvent::Expire
                | DeliveryEvent::Cancel
                | DeliveryEvent::LoseNumber
                | DeliveryEvent::Skip
                | DeliveryEvent::Revive => Pending,
            };
        }
        world.workers[worker] = Worker::Recorded(row);
        Some(())
    }

    fn end_lost(&self, world: &mut World, row: usize) -> Option<()> {
        let r = &mut world.rows[row];
        if r.state != Sending || !r.lease_passed {
            return None;
        }
        let epoch = r.epoch;
        let open = r.current(epoch).is_some_and(|a| a.recorded.is_none());
        let blind = self.defect == Defect::BlindResend;
        r.step(if open && !blind { DeliveryEvent::LoseAnswer } else { DeliveryEvent::Refuse }).then_some(())
    }

    /// After the reconcile window, in which every receipt has come that comes at all.
    fn resolve(world: &mut World, row: usize) -> Option<()> {
        let r = &mut world.rows[row];
        if r.state != Unknown || r.attempts.iter().any(|a| a.receipt) {
            return None;
        }
        if r.possible_duplicates > 0 {
            return r.step(DeliveryEvent::GiveUp).then_some(());
        }
        r.possible_duplicates += 1;
        r.step(DeliveryEvent::Resend).then_some(())
    }

    fn receipt(world: &mut World, row: usize, attempt: usize) -> Option<()> {
        let r = &mut world.rows[row];
        let a = r.attempts.get_mut(attempt)?;
        if !a.receipt {
            return None;
        }
        (a.receipt, a.known) = (false, true);
        r.arrived |= r.step(DeliveryEvent::Deliver);
        Some(())
    }

    fn happens(&self, world: &mut World, event: Event) -> Option<()> {
        match event {
            Event::FanOut => {
                (world.approved && world.rows.is_empty()).then_some(())?;
                let row = |readable: &bool| Row {
                    state: Pending,
                    bad: !readable,
                    epoch: 0,
                    owner: None,
                    lease_passed: false,
                    possible_duplicates: 0,
                    attempts: Vec::new(),
                    blind: false,
                    arrived: false,
                };
                world.rows = self.rows.iter().map(row).collect();
                Some(())
            }
            Event::Push(row) => {
                let due = world.rows[row].state == Pending && world.stream[row].is_none();
                (due && self.swept(world, row)).then(|| world.stream[row] = Some(None))
            }
            Event::Take(worker, row) => {
                let free = world.workers[worker] == Worker::Idle && world.stream[row] == Some(None);
                free.then(|| {
                    world.stream[row] = Some(Some(worker));
                    world.workers[worker] = Worker::Took(row);
                })
            }
            Event::Claim(worker) => {
                let Worker::Took(row) = world.workers[worker] else { return None };
                self.claim(world, worker, row);
                Some(())
            }
            Event::Call(worker, answer, taken) => self.call(world, worker, answer, taken),
            Event::Record(worker) => self.record(world, worker),
            Event::Acknowledge(worker) => {
                let Worker::Recorded(row) = world.workers[worker] else { return None };
                if world.stream[row] == Some(Some(worker)) {
                    world.stream[row] = None;
                }
                world.workers[worker] = Worker::Idle;
                Some(())
            }
            Event::Crash(worker) => {
                (world.workers[worker] != Worker::Idle).then_some(())?;
                world.left.crashes = world.left.crashes.checked_sub(1)?;
                if self.defect == Defect::CallBeforeCommit
                    && let Worker::Claimed { row, .. } | Worker::Answered { row, .. } = world.workers[worker]
                {
                    // Nothing of it was written: the attempt stays in the provider's books only.
                    world.rows[row].attempts.retain(|a| a.recorded.is_some() || a.taken);
                }
                world.workers[worker] = Worker::Idle;
                world.release(worker);
                Some(())
            }
            Event::LeasePasses(row) => {
                let r = &world.rows[row];
                let owner = r.owner.filter(|_| r.state == Sending && !r.lease_passed)?;
                if world.at_work(owner, row) {
                    world.left.pauses = world.left.pauses.checked_sub(1)?;
                    if let Worker::Claimed { late, .. } = &mut world.workers[owner] {
                        *late = true;
                    }
                }
                world.rows[row].lease_passed = true;
                Some(())
            }
            Event::EndLost(row) if self.swept(world, row) => self.end_lost(world, row),
            Event::Resolve(row) if self.swept(world, row) => Self::resolve(world, row),
            Event::EndLost(_) | Event::Resolve(_) => None,
            Event::Receipt(row, attempt) => Self::receipt(world, row, attempt),
            Event::LoseReceipt(row, attempt) => {
                let a = world.rows[row].attempts.get_mut(attempt).filter(|a| a.receipt)?;
                world.left.lost_receipts = world.left.lost_receipts.checked_sub(1)?;
                a.receipt = false;
                Some(())
            }
            Event::Wipe => {
                world.stream.iter().any(Option::is_some).then_some(())?;
                world.left.wipes = world.left.wipes.checked_sub(1)?;
                world.stream.fill(None);
                Some(())
            }
            Event::Cancel => {
                world.rows.iter().any(|r| r.state == Pending).then_some(())?;
                world.left.cancellations = world.left.cancellations.checked_sub(1)?;
                for r in &mut world.rows {
                    r.step(DeliveryEvent::Cancel);
                }
                Some(())
            }
        }
    }

    fn successors(&self, world: &World) -> Vec<World> {
        let mut events = Vec::new();
        self.actions(world, &mut events);
        events.into_iter().filter_map(|e| self.next_state(world, e)).collect()
    }

    /// Whether some run goes on for ever: a way back to a state on the way itself.
    fn goes_on_for_ever(&self) -> bool {
        let (mut done, mut on_the_way) = (HashSet::new(), HashSet::new());
        let mut stack: Vec<(World, Vec<World>)> = Vec::new();
        for start in self.init_states() {
            let after = self.successors(&start);
            on_the_way.insert(start.clone());
            stack.push((start, after));
            while let Some((world, left)) = stack.last_mut() {
                match left.pop() {
                    Some(to) if on_the_way.contains(&to) => return true,
                    Some(to) if done.contains(&to) => {}
                    Some(to) => {
                        let after = self.successors(&to);
                        on_the_way.insert(to.clone());
                        stack.push((to, after));
                    }
                    None => {
                        let world = world.clone();
                        on_the_way.remove(&world);
                        done.insert(world);
                        stack.pop();
                    }
                }
            }
        }
        false
    }
}

impl Model for Dispatch {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        let stream = vec![None; self.rows.len()];
        let workers = [Worker::Idle; WORKERS];
        vec![World { approved: true, rows: Vec::new(), stream, workers, left: self.budget }]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        events.extend([Event::FanOut, Event::Wipe, Event::Cancel]);
        for row in 0..world.rows.len() {
            let of_row =
                [Event::Push(row), Event::LeasePasses(row), Event::EndLost(row), Event::Resolve(row)];
            events.extend(of_row);
            events.extend((0..WORKERS).map(|w| Event::Take(w, row)));
            for attempt in 0..world.rows[row].attempts.len() {
                events.extend([Event::Receipt(row, attempt), Event::LoseReceipt(row, attempt)]);
            }
        }
        for w in 0..WORKERS {
            events.extend([Event::Claim(w), Event::Record(w), Event::Acknowledge(w), Event::Crash(w)]);
            for (answer, taken) in [
                (Answer::Accepted, true),
                (Answer::Refused, false),
                (Answer::Lost, true),
                (Answer::Lost, false),
                (Answer::None, false),
            ] {
                events.push(Event::Call(w, answer, taken));
            }
        }
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut world = world.clone();
        self.happens(&mut world, event).map(|()| world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_, w: &World| w.rows.iter().all(|r| !r.blind)),
            Property::always(COUNTED, |_, w: &World| {
                w.rows.iter().all(|r| r.taken() <= 1 + usize::from(r.possible_duplicates))
            }),
            Property::always(FORWARD, |_, w: &World| {
                w.rows.iter().all(|r| !r.arrived || r.state == Delivered)
            }),
            Property::always(SETTLED, |model: &Self, w: &World| {
                let settled = !w.rows.is_empty() && w.rows.iter().all(Row::settled);
                settled || !model.successors(w).is_empty()
            }),
            Property::sometimes("a person is told", |_, w: &World| w.rows.iter().any(|r| r.arrived)),
        ]
    }
}

const ONCE: &str = "nobody is called of whom we know that they were told";
const COUNTED: &str = "what may be a second message is counted";
const FORWARD: &str = "what has arrived stays so";
const SETTLED: &str = "where a run ends everything is settled";

fn model(rows: &[bool], budget: Budget, defect: Defect) -> Dispatch {
    Dispatch { rows: rows.to_vec(), budget, defect }
}

#[expect(clippy::print_stderr, reason = "how much was looked at")]
fn holds(rows: &[bool], budget: Budget) {
    let begun = std::time::Instant::now();
    let checker = model(rows, budget, Defect::None).checker().spawn_dfs().join();
    checker.assert_properties();
    assert!(!model(rows, budget, Defect::None).goes_on_for_ever(), "{budget:?}");
    eprintln!("{} states, {:?}", checker.unique_state_count(), begun.elapsed());
}

/// What the defect breaks, by the first example of each.
fn broken(rows: &[bool], budget: Budget, defect: Defect) -> Vec<&'static str> {
    let checker = model(rows, budget, defect).checker().spawn_dfs().join();
    let found = checker.discoveries();
    [ONCE, COUNTED, FORWARD, SETTLED].into_iter().filter(|name| found.contains_key(name)).collect()
}

#[test]
fn one_person_is_told_once_whatever_happens_to_the_workers() {
    holds(&[true], Budget { crashes: 2, pauses: 1, wipes: 1, ..QUIET });
}

#[test]
fn one_person_is_told_once_beyond_answers_that_nobody_resolves() {
    holds(&[true], Budget { crashes: 1, pauses: 1, lost_answers: 1, lost_receipts: 1, refusals: 1, ..QUIET });
}

#[test]
fn two_people_do_not_get_in_each_others_way() {
    holds(&[true, true], Budget { crashes: 1, ..QUIET });
    holds(&[true, true], Budget { lost_answers: 1, ..QUIET });
}

#[test]
fn a_cancelled_alert_ends_as_well() {
    holds(&[true, true], Budget { cancellations: 1, ..QUIET });
    holds(&[true], Budget { crashes: 1, lost_answers: 1, cancellations: 1, ..QUIET });
}

#[test]
fn a_row_that_cannot_be_read_stops_nobody() {
    holds(&[false, true], Budget { crashes: 1, lost_answers: 1, ..QUIET });
}

#[test]
fn a_call_before_the_commit_is_found() {
    let found = broken(&[true], Budget { crashes: 1, ..QUIET }, Defect::CallBeforeCommit);
    assert!(found.contains(&COUNTED), "{found:?}");
}

#[test]
fn outcomes_without_an_epoch_are_found() {
    let budget = Budget { pauses: 1, refusals: 1, ..QUIET };
    let found = broken(&[true], budget, Defect::NoEpochCheck);
    assert!(!found.is_empty(), "nothing is broken");
}

#[test]
fn a_blind_resend_is_found() {
    let found = broken(&[true], Budget { lost_answers: 1, ..QUIET }, Defect::BlindResend);
    assert!(found.contains(&COUNTED), "{found:?}");
}

#[test]
fn a_sweep_that_stops_at_a_bad_item_is_found() {
    let found = broken(&[false, true], QUIET, Defect::SweepStopsAtBadItem);
    assert!(found.contains(&SETTLED), "{found:?}");
}
