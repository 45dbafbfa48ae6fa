//! The start-up self-check of the settings: dangerous combinations are refused, each with its own sentence.
//!
//! What needs a connection (server parameters, clocks, migrations) is checked where the connection is made; this part
//! needs nothing but the values.

mod cards;
mod endpoint;
mod gateways;
mod platforms;
mod production;
mod rules;

use std::fmt;

use crate::Settings;

/// One setting that is refused: its name, its value, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub setting: String,
    pub value: String,
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.setting, self.value, self.reason)
    }
}

/// Collects refusals.
struct Checker(Vec<Refusal>);

impl Checker {
    fn refuse_if(&mut self, bad: bool, setting: &str, value: impl fmt::Display, reason: &str) {
        if bad {
            self.0.push(Refusal {
                setting: setting.to_owned(),
                value: value.to_string(),
                reason: reason.to_owned(),
            });
        }
    }

    fn within<T: PartialOrd + fmt::Display>(&mut self, setting: &str, value: T, low: T, high: T) {
        let bad = value < low || value > high;
        self.refuse_if(bad, setting, &value, &format!("must lie between {low} and {high}"));
    }
}

/// All refusals of these settings; empty = they may start.
pub fn check(s: &Settings) -> Vec<Refusal> {
    let mut c = Checker(Vec::new());
    addresses(&mut c, s);
    bounds(&mut c, s);
    rules::retention(&mut c, s);
    rules::rules(&mut c, s);
    gateways::gateways(&mut c, s);
    gateways::templates(&mut c, s);
    cards::cards(&mut c, s);
    platforms::platforms(&mut c, s);
    if s.production() {
        production::production(&mut c, s);
    }
    c.0
}

fn addresses(c: &mut Checker, s: &Settings) {
    let url = &s.http.public_url;
    c.refuse_if(
        !url.starts_with("http://") && !url.starts_with("https://"),
        "http.public_url",
        url,
        "must start with http:// or https://",
    );
    c.refuse_if(
        url.ends_with('/'),
        "http.public_url",
        url,
        "must not end with a slash: QR codes append /v/...",
    );
    c.refuse_if(
        url.len() > 60,
        "http.public_url",
        url,
        "must have at most 60 characters, or posters carry too dense a QR",
    );
    c.refuse_if(
        s.http.listen.parse::<std::net::SocketAddr>().is_err(),
        "http.listen",
        &s.http.listen,
        "must be address:port",
    );
    c.refuse_if(
        s.notifier.listen.parse::<std::net::SocketAddr>().is_err(),
        "notifier.listen",
        &s.notifier.listen,
        "must be address:port",
    );
    let receipts = &s.notifier.public_url;
    let scheme = if s.production() { "https://" } else { "http" };
    c.refuse_if(
        !receipts.is_empty() && (!receipts.starts_with(scheme) || receipts.ends_with('/')),
        "notifier.public_url",
        receipts,
        "must be an address without a slash at the end, https in production",
    );
    let known = s.database.is_postgres() || s.database.url.starts_with("sqlite:");
    c.refuse_if(!known, "database.url", "(hidden)", "must start with sqlite:// or postgres://");
    let r = &s.redis.url;
    let scheme = r.is_empty() || ["redis://", "rediss://", "redis+unix://"].iter().any(|p| r.starts_with(p));
    c.refuse_if(!scheme, "redis.url", "(hidden)", "must start with redis://, rediss:// or redis+unix://");
    c.refuse_if(
        r.is_empty() && !s.notifier_embedded(),
        "notifier.embedded",
        "false",
        "a notifier of its own needs redis.url: the in-process queue ends at the process",
    );
    for p in &s.http.trusted_proxies {
        c.refuse_if(
            p.parse::<std::net::IpAddr>().is_err(),
            "http.trusted_proxies",
            p,
            "must be IP addresses",
        );
    }
}

fn bounds(c: &mut Checker, s: &Settings) {
    c.within("http.max_body_bytes", s.http.max_body_bytes, 1024, 1 << 20);
    c.within("http.max_in_flight", s.http.max_in_flight, 16, 100_000);
    c.within("http.request_timeout_seconds", s.http.request_timeout_seconds, 1, 300);
    c.within("database.max_connections", s.database.max_connections, 2, 1000);
    c.within("database.acquire_timeout_ms", s.database.acquire_timeout_ms, 100, 60_000);
    c.within("redis.pool_size", s.redis.pool_size, 2, 1000);
    c.within("notifier.batch", s.notifier.batch, 1, 4096);
    c.within("notifier.concurrency", s.notifier.concurrency, 1, 4096);
    c.within("notifier.sweep_ms", s.notifier.sweep_ms, 100, 60_000);
    c.within("scans.group_max", s.scans.group_max, 1, 4096);
    c.within("scans.group_wait_ms", s.scans.group_wait_ms, 0, 100);
    c.within("scans.writers", s.scans.writers, 1, 64);
    let writers = u32::try_from(s.scans.writers).unwrap_or(u32::MAX);
    c.refuse_if(
        s.database.is_postgres() && writers + 2 > s.database.max_connections,
        "scans.writers",
        s.scans.writers,
        "must leave two connections of database.max_connections to everybody else",
    );
    c.refuse_if(
        s.scans.queue_max < s.scans.group_max,
        "scans.queue_max",
        s.scans.queue_max,
        "must not be smaller than scans.group_max",
    );
    c.within("sessions.citizen_days", s.sessions.citizen_days, 1, 90);
    c.within("sessions.staff_hours", s.sessions.staff_hours, 1, 12);
    c.within("sessions.staff_idle_minutes", s.sessions.staff_idle_minutes, 1, 20);
    c.within("limits.code_ttl_seconds", s.limits.code_ttl_seconds, 30, 600);
    c.within("limits.code_tries", s.limits.code_tries, 1, 10);
    c.within("limits.code_budget_alarm", s.limits.code_budget_alarm, 0.0, 1.0);
}

#[cfg(test)]
mod tests;
