//! The scenarios, in the order in which they run.

mod capacity;
mod clients;
mod clock;
mod crash;
mod database;
mod disk;
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
};
