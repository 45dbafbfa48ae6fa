//! The start-up self-check of the settings: dangerous combinations are refused, each with its own sentence.
//!
//! What needs a connection (server parameters, clocks, migrations) is checked where the connection is made; this part
//! needs nothing but the values.

mod endpoint;

use std::collections::BTreeSet;
use std::fmt;

use secrecy::ExposeSecret;

use crate::gateway::{GatewayKind, GatewaySettings};
use crate::{Rung, Settings};

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
    retention(&mut c, s);
    rules(&mut c, s);
    gateways(&mut c, s);
    templates(&mut c, s);
    if s.production() {
        production(&mut c, s);
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

fn retention(c: &mut Checker, s: &Settings) {
    let r = &s.retention;
    for (key, days) in [
        ("retention.scans_days", r.scans_days),
        ("retention.login_codes_days", r.login_codes_days),
        ("retention.sessions_days", r.sessions_days),
        ("retention.traces_days", r.traces_days),
        ("retention.deliveries_days", r.deliveries_days),
        ("retention.idempotency_days", r.idempotency_days),
        ("retention.imports_days", r.imports_days),
        ("retention.job_days", r.job_days),
    ] {
        c.refuse_if(
            days == 0 || days > 180,
            key,
            days,
            "must lie between 1 and 180 days: nothing is kept for ever",
        );
    }
    c.refuse_if(
        r.audit_days < r.traces_days.max(r.deliveries_days),
        "retention.audit_days",
        r.audit_days,
        "the audit must outlive traces and deliveries",
    );
    let window = u32::try_from(s.trace.max_window_days).unwrap_or(u32::MAX);
    c.refuse_if(
        r.scans_days <= window,
        "retention.scans_days",
        r.scans_days,
        "must be longer than trace.max_window_days, or a case could not be traced",
    );
    c.within("retention.hour", r.hour, 0, 23);
}

fn rules(c: &mut Checker, s: &Settings) {
    c.within("scans.repeat_seconds", s.scans.repeat_seconds, 0, 3600);
    c.within("scans.max_age_days", s.scans.max_age_days, 1, i64::from(s.retention.scans_days));
    c.within("scans.max_companions", s.scans.max_companions, 0, 99);
    c.within("trace.after_minutes", s.trace.after_minutes, 0, 1440);
    c.within("trace.min_overlap_seconds", s.trace.min_overlap_seconds, 1, 3600);
    c.within("trace.max_window_days", s.trace.max_window_days, 1, 30);
    for (word, category) in &s.categories {
        let key = format!("categories.{word}");
        c.within(&format!("{key}.dwell_minutes"), category.dwell_minutes, 1, 1440);
        if let Some(after) = category.after_minutes {
            c.within(&format!("{key}.after_minutes"), after, 0, 1440);
        }
    }
    c.within("alerts.expires_hours", s.alerts.expires_hours, 1, 168);
    c.within("alerts.quiet_hours_per_person", s.alerts.quiet_hours_per_person, 0, 168);
    c.within("dispatch.voice_from_hour", s.dispatch.voice_from_hour, 0, 23);
    c.within("dispatch.voice_until_hour", s.dispatch.voice_until_hour, 1, 24);
    c.refuse_if(
        s.dispatch.voice_from_hour >= s.dispatch.voice_until_hour,
        "dispatch.voice_from_hour",
        s.dispatch.voice_from_hour,
        "must lie before dispatch.voice_until_hour",
    );
    c.refuse_if(
        s.dispatch.retry_seconds.is_empty(),
        "dispatch.retry_seconds",
        "[]",
        "needs at least one wait",
    );
    c.within("dispatch.max_tries", s.dispatch.max_tries, 1, 50);
    c.within("dispatch.jitter", s.dispatch.jitter, 0.0, 1.0);
    for (key, ladder) in [
        ("alerts.ladder_1", &s.alerts.ladder_1),
        ("alerts.ladder_2", &s.alerts.ladder_2),
        ("alerts.ladder_3", &s.alerts.ladder_3),
    ] {
        c.refuse_if(ladder.is_empty(), key, "[]", "needs at least one rung, or nobody is warned");
        let repeated = ladder.iter().enumerate().any(|(i, r)| ladder[..i].contains(r));
        c.refuse_if(repeated, key, format!("{ladder:?}"), "names a rung twice");
        c.refuse_if(
            ladder.contains(&Rung::Email),
            key,
            "email",
            "citizens have a phone number only; e-mail is for staff",
        );
    }
}

fn gateways(c: &mut Checker, s: &Settings) {
    let mut names = BTreeSet::new();
    for g in &s.gateways {
        c.refuse_if(!names.insert(&g.name), "gateways.name", &g.name, "two gateways share a name");
        gateway(c, s, g);
    }
}

fn gateway(c: &mut Checker, s: &Settings, g: &GatewaySettings) {
    let key = |field: &str| format!("gateways.{}.{field}", g.name);
    let word =
        !g.name.is_empty() && g.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    c.refuse_if(
        !word,
        "gateways.name",
        &g.name,
        "must be letters, digits, - and _: it stands in URLs and metrics",
    );
    c.refuse_if(g.rate_per_second == 0, &key("rate_per_second"), 0, "must be at least 1");
    c.refuse_if(
        g.max_batch == 0 || g.max_batch > 1000,
        &key("max_batch"),
        g.max_batch,
        "must lie between 1 and 1000",
    );
    let needed = 2 * g.timeout_ms + 1000;
    c.refuse_if(
        s.notifier.lease_seconds * 1000 < needed,
        "notifier.lease_seconds",
        s.notifier.lease_seconds,
        &format!("must be at least twice the time-out of gateway {} plus one second ({needed} ms)", g.name),
    );
    if g.kind == GatewayKind::Log {
        c.refuse_if(
            s.production(),
            &key("kind"),
            "log",
            "the log gateway sends nothing to anybody: production refuses it",
        );
        return;
    }
    c.refuse_if(!g.endpoint.starts_with("http"), &key("endpoint"), &g.endpoint, "must be an http(s) address");
    c.refuse_if(
        g.access_key_secret.expose_secret().is_empty(),
        &key("access_key_secret"),
        "(empty)",
        "is wanted to sign requests",
    );
    c.refuse_if(
        g.timeout_ms < 1000,
        &key("timeout_ms"),
        g.timeout_ms,
        "must be at least 1000: providers need up to a second",
    );
    if s.production() {
        let unfit = endpoint::unfit(&g.endpoint);
        c.refuse_if(unfit.is_some(), &key("endpoint"), &g.endpoint, unfit.unwrap_or_default());
        let demo = g.access_key_secret.expose_secret().to_ascii_lowercase().contains("test");
        c.refuse_if(demo, &key("access_key_secret"), "(hidden)", "looks like a test secret");
    }
}

fn templates(c: &mut Checker, s: &Settings) {
    let mut ids = BTreeSet::new();
    for t in &s.templates {
        c.refuse_if(!ids.insert(&t.id), "templates.id", &t.id, "two templates share an id");
        for (lang, text) in [("zh", &t.zh), ("en", &t.en)] {
            let key = format!("templates.{}.{lang}", t.id);
            c.refuse_if(
                text.contains('【') || text.contains('】'),
                &key,
                text,
                "must not hold 【】: the signature is put in front",
            );
            c.refuse_if(text.contains("://") || text.contains("www."), &key, text, "must not hold a link");
            for v in &t.variables {
                let uses = text.matches(&format!("{{{v}}}")).count();
                c.refuse_if(uses != 1, &key, v, "must use each variable exactly once");
            }
        }
    }
    c.refuse_if(
        !s.templates.iter().any(|t| t.key == "login"),
        "templates",
        "(none)",
        "a template with key = \"login\" is wanted",
    );
    for level in 1..=3 {
        c.refuse_if(
            !s.templates.iter().any(|t| t.levels.contains(&level)),
            "templates",
            format!("level {level}"),
            "no template serves this level",
        );
    }
}

fn production(c: &mut Checker, s: &Settings) {
    let url = &s.http.public_url;
    c.refuse_if(
        !url.starts_with("https://"),
        "http.public_url",
        url,
        "production wants https: posters hang for months",
    );
    c.refuse_if(
        s.gateways.is_empty() && s.notifier_embedded(),
        "gateways",
        "[]",
        "production needs at least one gateway, or no code and no warning is sent",
    );
    c.refuse_if(
        s.limits.allow_test_numbers,
        "limits.allow_test_numbers",
        "true",
        "production refuses the test range 154",
    );
    let offset = &s.development.clock_offset_file;
    c.refuse_if(
        !offset.is_empty(),
        "development.clock_offset_file",
        offset,
        "production's clock is not moved",
    );
    c.refuse_if(!s.database.is_postgres(), "database.url", "sqlite", "production runs on PostgreSQL");
    let l = &s.limits;
    for (key, value, bound) in [
        ("limits.code_per_phone_minute", l.code_per_phone_minute, 1),
        ("limits.code_per_phone_hour", l.code_per_phone_hour, 5),
        ("limits.code_per_phone_day", l.code_per_phone_day, 10),
    ] {
        c.refuse_if(
            value > bound,
            key,
            value,
            &format!("must not be laxer than the providers' own limit of {bound}"),
        );
    }
    c.refuse_if(
        l.code_tries > 5,
        "limits.code_tries",
        l.code_tries,
        "production allows at most 5 tries on a code",
    );
}

#[cfg(test)]
mod tests;
