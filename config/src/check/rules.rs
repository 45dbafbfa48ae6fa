//! How long data is kept, and the numbers of scans, traces, alerts and dispatch.

use super::Checker;
use crate::{Rung, SUMMARY, Settings};

pub(super) fn retention(c: &mut Checker, s: &Settings) {
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
        ("retention.health_days", r.health_days),
        ("retention.code_checks_days", r.code_checks_days),
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

pub(super) fn rules(c: &mut Checker, s: &Settings) {
    c.within("scans.repeat_seconds", s.scans.repeat_seconds, 0, 3600);
    c.within("scans.max_age_days", s.scans.max_age_days, 1, i64::from(s.retention.scans_days));
    c.within("scans.max_companions", s.scans.max_companions, 0, 99);
    c.within("trace.after_minutes", s.trace.after_minutes, 0, 1440);
    c.within("trace.min_overlap_seconds", s.trace.min_overlap_seconds, 1, 3600);
    c.within("trace.max_window_days", s.trace.max_window_days, 1, 30);
    c.within("health.code_seconds", s.health.code_seconds, 10, 300);
    c.within("health.remind_hour", s.health.remind_hour, 0, 23);
    c.within("health.key_days", s.health.key_days, 1, 90);
    c.within("health.appeal_hours", s.health.appeal_hours, 1, 720);
    c.within("health.alone_per_hour", s.health.alone_per_hour, 0, 1_000);
    c.within("health.cache_seconds", s.health.cache_seconds, 1, 600);
    c.refuse_if(
        s.health.notice_version.is_empty() || s.health.notice_version.len() > 40,
        "health.notice_version",
        &s.health.notice_version,
        "names the notice that people consent to, in 1 to 40 bytes",
    );
    for (word, category) in &s.categories {
        let key = format!("categories.{word}");
        c.within(&format!("{key}.dwell_minutes"), category.dwell_minutes, 1, 1440);
        if let Some(after) = category.after_minutes {
            c.within(&format!("{key}.after_minutes"), after, 0, 1440);
        }
    }
    c.within("alerts.expires_hours", s.alerts.expires_hours, 1, 168);
    c.within("alerts.email_after_minutes", s.alerts.email_after_minutes, 0, 1440);
    c.within("alerts.quiet_hours_per_person", s.alerts.quiet_hours_per_person, 0, 168);
    let canary = &s.canary;
    if canary.every_minutes != 0 {
        c.within("canary.every_minutes", canary.every_minutes, 5, 1440);
        let digits = canary.phone.strip_prefix('+').unwrap_or(&canary.phone);
        let number = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        c.refuse_if(!number, "canary.phone", "(hidden)", "the self-test needs a number of its own");
    }
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
    c.within("dispatch.ask_after_seconds", s.dispatch.ask_after_seconds, 10, 86_400);
    c.within("dispatch.ask_per_second", s.dispatch.ask_per_second, 0, 1_000);
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
        let last = ladder.iter().position(|rung| *rung == Rung::WorkList);
        let wrong = last.is_some_and(|n| n == 0 || n + 1 < ladder.len());
        c.refuse_if(
            wrong,
            key,
            "work_list",
            "comes after all other rungs: it is for those whom they did not reach",
        );
        let email = ladder.contains(&Rung::Email);
        c.refuse_if(
            email && !ladder.iter().any(|rung| reaches_people(*rung)),
            key,
            "email",
            "e-mail tells officials only: needs a rung by which people are warned",
        );
        c.refuse_if(
            email && !s.has_email_gateway(),
            key,
            "email",
            "needs a gateway of kind email, and there is none",
        );
        c.refuse_if(
            email && !s.templates.iter().any(|t| t.key == SUMMARY),
            key,
            "email",
            "needs a template with key = \"summary\"",
        );
    }
}

/// Whether the people of the alert hear of it by this rung.
const fn reaches_people(rung: Rung) -> bool {
    match rung {
        Rung::Sms | Rung::Call | Rung::CallWithoutReceipt => true,
        Rung::Email | Rung::WorkList => false,
    }
}
