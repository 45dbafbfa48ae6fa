//! Platforms of linked cards.

use secrecy::ExposeSecret;

use super::Checker;
use super::endpoint::{self, Protocol};
use crate::{CardPlatform, Settings};

pub(super) fn cards(c: &mut Checker, s: &Settings) {
    c.within("cards.connect_timeout_ms", s.cards.connect_timeout_ms, 100, 10_000);
    c.within("cards.timeout_ms", s.cards.timeout_ms, 500, 10_000);
    platform(c, s, "e_health", &s.cards.e_health);
    platform(c, s, "social_security", &s.cards.social_security);
}

fn platform(c: &mut Checker, s: &Settings, name: &str, p: &CardPlatform) {
    if !p.is_on() {
        return;
    }
    let key = |field: &str| format!("cards.{name}.{field}");
    let unfit = endpoint::unfit(&p.endpoint, Protocol::Http, s.production());
    c.refuse_if(unfit.is_some(), &key("endpoint"), &p.endpoint, unfit.unwrap_or_default());
    let slash = p.endpoint.ends_with('/');
    c.refuse_if(slash, &key("endpoint"), &p.endpoint, "must not end with a slash: paths are appended");
    let secret = p.app_secret.expose_secret();
    c.refuse_if(secret.is_empty(), &key("app_secret"), "(empty)", "is wanted to sign requests");
    if s.production() {
        let demo = secret.to_ascii_lowercase().contains("test");
        c.refuse_if(demo, &key("app_secret"), "(hidden)", "looks like a test secret");
    }
}

#[cfg(test)]
mod tests {
    use crate::check::check;
    use crate::load_with;

    #[test]
    fn a_platform_that_is_on_needs_an_address_and_a_secret() {
        let refused = |pairs: &[(&str, &str)]| {
            let env = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let settings = load_with(None, env).expect("loads");
            check(&settings).into_iter().map(|r| r.setting).collect::<Vec<_>>()
        };
        assert!(refused(&[]).is_empty(), "off by default");
        let endpoint = "MASHANG__CARDS__E_HEALTH__ENDPOINT";
        let secret = ("MASHANG__CARDS__E_HEALTH__APP_SECRET", "s");
        assert_eq!(refused(&[(endpoint, "https://card.example")]), ["cards.e_health.app_secret"]);
        assert_eq!(refused(&[(endpoint, "ftp://card.example"), secret]), ["cards.e_health.endpoint"]);
        assert_eq!(refused(&[(endpoint, "https://card.example/"), secret]), ["cards.e_health.endpoint"]);
        assert!(refused(&[(endpoint, "https://card.example"), secret]).is_empty());
        assert_eq!(refused(&[("MASHANG__CARDS__TIMEOUT_MS", "60000")]), ["cards.timeout_ms"]);
    }
}
