//! What development may do and production may not.

use super::Checker;
use crate::Settings;

pub(super) fn production(c: &mut Checker, s: &Settings) {
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
