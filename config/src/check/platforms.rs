//! The platforms of the mini-program. What a platform would refuse at the first call is refused here.

use secrecy::ExposeSecret;

use super::Checker;
use super::endpoint::{self, Protocol};
use crate::Settings;

pub(super) fn platforms(c: &mut Checker, s: &Settings) {
    wechat(c, s);
    alipay(c, s);
    for (section, connect, whole) in [
        ("wechat", s.wechat.connect_timeout_ms, s.wechat.timeout_ms),
        ("alipay", s.alipay.connect_timeout_ms, s.alipay.timeout_ms),
    ] {
        c.within(&format!("{section}.connect_timeout_ms"), connect, 100, 10_000);
        c.within(&format!("{section}.timeout_ms"), whole, 100, 15_000);
    }
}

fn wechat(c: &mut Checker, s: &Settings) {
    let w = &s.wechat;
    let unset = !w.app_id.is_empty() && w.app_secret.expose_secret().is_empty();
    c.refuse_if(unset, "wechat.app_secret", "(empty)", "is wanted beside wechat.app_id");
    place(c, s, "wechat.endpoint", &w.endpoint);
    let token = w.push_token.expose_secret();
    let fits = (3..=32).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_alphanumeric());
    c.refuse_if(
        !token.is_empty() && !fits,
        "wechat.push_token",
        "(hidden)",
        "must be 3 to 32 letters and digits, as WeChat's console takes it",
    );
    let name = &w.ownership_name;
    let stem = name.strip_suffix(".txt").unwrap_or_default();
    let plain = !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    c.refuse_if(
        !name.is_empty() && !plain,
        "wechat.ownership_name",
        name,
        "must be letters, digits, - and _, and end with .txt",
    );
    page(c, "wechat.page", &w.page);
    c.within("wechat.code_width", w.code_width, 280, 1280);
    c.within("wechat.codes_per_minute", w.codes_per_minute, 1, 5000);
}

fn alipay(c: &mut Checker, s: &Settings) {
    let a = &s.alipay;
    for (key, value) in
        [("alipay.private_key", a.private_key.expose_secret()), ("alipay.public_key", a.public_key.as_str())]
    {
        let unset = !a.app_id.is_empty() && value.is_empty();
        c.refuse_if(unset, key, "(empty)", "is wanted beside alipay.app_id");
    }
    place(c, s, "alipay.endpoint", &a.endpoint);
    page(c, "alipay.page", &a.page);
    c.within("alipay.codes_per_minute", a.codes_per_minute, 1, 5000);
    for host in &a.picture_hosts {
        let name = host.strip_prefix("*.").unwrap_or(host);
        let plain =
            name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        // Tests fetch from a server on this machine.
        let local = !s.production() && host.starts_with("http://127.0.0.1:");
        c.refuse_if(
            !plain && !local,
            "alipay.picture_hosts",
            host,
            "must be host names, or *. and a host name",
        );
    }
}

fn place(c: &mut Checker, s: &Settings, key: &str, endpoint: &str) {
    let unfit = endpoint::unfit(endpoint, Protocol::Http, s.production());
    c.refuse_if(unfit.is_some(), key, endpoint, unfit.unwrap_or_default());
}

fn page(c: &mut Checker, key: &str, page: &str) {
    let bad = page.is_empty() || page.starts_with('/') || page.contains(['?', '#', ' ']);
    c.refuse_if(bad, key, page, "must be a page without a slash in front and without a query");
}
