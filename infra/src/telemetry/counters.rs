//! Counters that alarms look at begin at zero: Prometheus sees no rise in a series that begins with its first event.
//!
//! Counters by gateway or by task begin where these become known.

/// A label, and the values that tell series apart.
type Label = (&'static str, &'static [&'static str]);

/// Name, and the label of those that have one.
const COUNTERS: &[(&str, Option<Label>)] = &[
    ("mashang_attempts_total", Some(("purpose", &["notify", "sign_in"]))),
    ("mashang_cache_announcements_failed_total", None),
    ("mashang_colour_changes_beyond_limit_total", None),
    ("mashang_database_pools_replaced_total", None),
    ("mashang_dead_letters_total", None),
    ("mashang_deliveries_held_total", Some(("purpose", &["notify", "sign_in"]))),
    ("mashang_login_breaker_total", None),
    ("mashang_login_code_budget_alarm_total", None),
    ("mashang_login_codes_wrong_total", None),
    ("mashang_possible_duplicates_total", None),
    ("mashang_quarantined_total", Some(("kind", &["delivery", "outbox", "task"]))),
    ("mashang_queue_quarantined_total", None),
    ("mashang_receipts_total", Some(("result", &["applied", "strange", "unreadable"]))),
    ("mashang_scans_refused_total", None),
];

/// Makes every series that is not there yet.
pub(super) fn begin() {
    for (name, label) in COUNTERS {
        match label {
            None => metrics::counter!(*name).increment(0),
            Some((label, values)) => {
                values.iter().for_each(|value| metrics::counter!(*name, *label => *value).increment(0));
            }
        }
    }
    for (field, purpose) in
        [("person.phone", "notify"), ("person.phone", "alert"), ("login_code.phone", "sign_in")]
    {
        metrics::counter!("mashang_unseal_total", "field" => field, "purpose" => purpose).increment(0);
    }
}
