//! The scenarios, in the order in which they run.

mod capacity;
mod clients;
mod clock;
mod crash;
mod database;
mod disk;
mod dispatch;
mod drain;
mod network;
mod overload;
mod queue;

use futures_util::future::LocalBoxFuture;
use mashang_tests::Form;

use crate::report::Report;
use crate::stage::Name;
use crate::world::World;

type Run = for<'a> fn(&'a mut World, Name) -> LocalBoxFuture<'a, anyhow::Result<Report>>;

pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub forms: &'static [Form],
    /// The databases on which the short campaign runs it.
    pub short: &'static [Form],
    pub run: Run,
}

const NONE: &[Form] = &[];
const SERVICE: &[Form] = &[Form::Service];
const BOTH: &[Form] = &[Form::Sqlite, Form::Service];

macro_rules! scenarios {
    ($($name:literal, $about:literal, $forms:ident, $short:ident, $run:path;)+) => {
        &[$(Scenario { name: $name, about: $about, forms: $forms, short: $short,
                       run: |world, name| Box::pin($run(world, name)) }),+]
    };
}

pub const SCENARIOS: &[Scenario] = scenarios! {
    "kill", "SIGKILL of the api under load, again and again (F-01)", BOTH, BOTH, crash::kill;
    "two", "two apis behind one database, one of them killed now and then", SERVICE, SERVICE, crash::two;
    "drain", "SIGTERM at full load (F-03)", BOTH, NONE, drain::drain;
    "restart", "PostgreSQL is shut down, fast, and started (F-10)", SERVICE, NONE, database::fast;
    "immediate", "PostgreSQL is shut down, immediate, and started (F-10)", SERVICE, SERVICE, database::immediate;
    "crash", "SIGKILL of all processes of PostgreSQL (F-11)", SERVICE, NONE, database::killed;
    "pause", "PostgreSQL stands still for 10 s (F-15)", SERVICE, NONE, database::pause;
    "pool", "other work holds what scans need, and the pool is empty (F-31)", SERVICE, NONE, database::pool;
    "blackhole", "all pooled connections fall silent for ever, and half of them (F-14)", SERVICE, SERVICE, network::black_hole;
    "network", "a network to PostgreSQL that is slow, and then hardly one at all", SERVICE, NONE, network::slow;
    "mid", "connections cut in the middle of a transaction, byte by byte (F-12)", SERVICE, NONE, network::mid;
    "commit", "connections cut at COMMIT: after it was carried out, and before (F-13)", SERVICE, SERVICE, network::commit;
    "disk", "the disk of the database is full, and freed (F-16)", BOTH, NONE, disk::full;
    "clock", "the clock is moved by an hour and by days (F-23)", BOTH, NONE, clock::all;
    "clock-one", "the clock of one of two apis is moved (F-23)", SERVICE, NONE, clock::one;
    "redis-absent", "started without Redis, which comes later (F-06)", SERVICE, NONE, queue::absent;
    "redis-pause", "Redis stands still for 10 s (F-07)", SERVICE, NONE, queue::pause;
    "redis-lost", "Redis loses everything, again and again (F-05)", SERVICE, NONE, queue::lost;
    "hangup", "clients hang up in the middle of a request (F-29)", BOTH, NONE, clients::hang_up;
    "files", "the api has fewer file descriptors than clients (F-37)", BOTH, NONE, clients::files;
    "slow", "idle and slow connections, and a body of a gigabyte (T-31)", BOTH, NONE, clients::slow;
    "burst", "ten times the usual load for a second (L-3)", BOTH, NONE, overload::burst;
    "overload", "open-loop steps up to twice the capacity (L-4)", BOTH, SERVICE, overload::steps;
    "dispatch-kill", "an alert goes out while its notifiers are killed, every 1.2 s (F-02)", SERVICE, SERVICE, dispatch::process::kill;
    "dispatch-drain", "SIGTERM to a notifier with a hundred calls in flight (F-04)", SERVICE, NONE, dispatch::process::drain;
    "dispatch-pause", "a notifier stands still, for as long as its lease and for a minute (F-24)", SERVICE, NONE, dispatch::process::pause;
    "dispatch-redis-loss", "Redis loses everything three times while an alert goes out (F-05)", SERVICE, SERVICE, dispatch::queue::lost;
    "dispatch-redis-absent", "notifiers and an approved alert are there before Redis (F-06)", SERVICE, NONE, dispatch::queue::absent;
    "dispatch-redis-pause", "Redis stands still for 10 s while an alert goes out (F-07)", SERVICE, NONE, dispatch::queue::pause;
    "dispatch-redis-full", "a Redis that evicts is refused; one without memory (F-08)", SERVICE, NONE, dispatch::queue::full;
    "dispatch-restart", "PostgreSQL is shut down, fast and immediate, four times while an alert goes out (F-10)", SERVICE, NONE, dispatch::database::restart;
    "dispatch-mid", "notifiers' connections cut in the middle of a transaction, byte by byte (F-12)", SERVICE, NONE, dispatch::database::mid;
    "dispatch-commit", "notifiers' connections cut at COMMIT: after it was carried out, and before (F-13)", SERVICE, NONE, dispatch::database::commit;
    "dispatch-blackhole", "all of the notifiers' connections fall silent for ever (F-14)", SERVICE, NONE, dispatch::database::black_hole;
    "dispatch-slow-gateway", "one of two providers takes 5 s for every call (F-17)", SERVICE, NONE, dispatch::provider::slow;
    "dispatch-errors", "the provider answers 500 to everything for a minute (F-18)", SERVICE, NONE, dispatch::provider::errors;
    "dispatch-throttle", "the provider wants fewer calls, and some numbers have had enough for today (F-19)", SERVICE, NONE, dispatch::provider::throttle;
    "dispatch-lost-answers", "all answers of a provider that can be asked are lost for half a minute (F-20)", SERVICE, SERVICE, dispatch::answers::lost;
    "dispatch-lost-blind", "the same at a provider that cannot be asked (F-20)", SERVICE, NONE, dispatch::answers::lost_blind;
    "dispatch-receipts", "receipts lost, doubled, reordered, late, contradictory (F-21)", SERVICE, NONE, dispatch::answers::receipts;
    "dispatch-lag", "a provider finds its messages only after 20 s; two windows of reconciliation (F-22)", SERVICE, NONE, dispatch::answers::lag;
    "dispatch-duplicates", "one approval posted fifty times at once, at two apis (F-25)", SERVICE, NONE, dispatch::many::duplicates;
    "dispatch-many", "two, four and eight notifiers share an alert; rolling restart (F-26)", SERVICE, NONE, dispatch::many::many;
    "dispatch-ticks", "two notifiers want every tick of a job, while they are killed (F-27)", SERVICE, NONE, dispatch::many::ticks;
    "dispatch-poison", "what nobody can read: in the stream, in the outbox, among people and deliveries (F-28)", SERVICE, NONE, dispatch::poison::poison;
    "dispatch-chaos", "a fault by chance every 5 s for ten minutes while an alert goes out (F-38)", SERVICE, NONE, dispatch::chaos::chaos;
};
