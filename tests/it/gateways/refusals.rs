//! Failing: which outcome a fault becomes, and that nothing is ever sent twice for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mashang_domain::delivery::{ErrorClass, Outcome};
use mashang_notifier::gateway::{Batch, Now, Site, TemplateKey, build, machine_time};
use mashang_tests::fake_provider::{Fault, RETRY_AFTER_MS};

use super::kinds::*;
use super::{batch, batch_of, gateway, pair, try_build, words};

#[tokio::test]
async fn refusals_fall_into_their_classes() {
    for kind in SENDING {
        for (fault, expected) in refusals(kind) {
            let (provider, gateway) = pair(kind).await;
            provider.fail_next(fault);
            assert_eq!(words(&gateway.send(&batch_of(kind, 1)).await), [expected], "{kind}");
            assert_eq!((provider.calls(), provider.accepted().len()), (1, 0), "{kind}: no repeat");
        }
    }
}

#[tokio::test]
async fn a_throttling_provider_names_its_delay() {
    for kind in SENDING.into_iter().filter(|kind| names_its_delay(kind)) {
        let (provider, gateway) = pair(kind).await;
        provider.fail_next(Fault::Throttled);
        let outcomes = gateway.send(&batch_of(kind, 1)).await;
        let [Outcome::Rejected { class: ErrorClass::Throttled, retry_after_ms, .. }] = outcomes.as_slice()
        else {
            panic!("{kind}: {outcomes:?}")
        };
        assert_eq!(*retry_after_ms, Some(RETRY_AFTER_MS), "{kind}");
    }
}

#[tokio::test]
async fn a_whole_call_fails_for_all_of_it() {
    let (provider, gateway) = pair("aliyun_sms").await;
    for (fault, expected) in [(Fault::Account, "account"), (Fault::LostAnswer, "unknown")] {
        provider.fail_next(fault);
        assert_eq!(words(&gateway.send(&batch(3)).await), [expected; 3]);
    }
    assert_eq!((provider.calls(), provider.accepted().len()), (2, 3));
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_not_repeated() {
    for kind in SENDING {
        for fault in [Fault::LostAnswer, Fault::HalfAnswer, Fault::CutJson] {
            let (provider, gateway) = pair(kind).await;
            // A kept connection tempts a client to repeat what was cut on it.
            assert_eq!(words(&gateway.send(&batch_of(kind, 1)).await), ["accepted"], "{kind}");
            provider.fail_next(fault);
            let mut other = batch_of(kind, 2);
            other.recipients.remove(0);
            assert_eq!(words(&gateway.send(&other).await), ["unknown"], "{kind} {fault:?}");
            assert_eq!((provider.calls(), provider.accepted().len()), (2, 2), "{kind} {fault:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_unknown() {
    for kind in SENDING {
        for fault in [Fault::ServerError, Fault::HtmlError, Fault::Cut] {
            let (provider, gateway) = pair(kind).await;
            provider.fail_next(fault);
            assert_eq!(words(&gateway.send(&batch_of(kind, 1)).await), ["unknown"], "{kind} {fault:?}");
            assert_eq!(provider.calls(), 1, "{kind} {fault:?}");
        }
    }
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    for kind in SENDING {
        let (provider, gateway) = pair(kind).await;
        provider.fail_next(Fault::Redirect);
        assert_eq!(words(&gateway.send(&batch_of(kind, 1)).await), [sent_elsewhere(kind)], "{kind}");
        assert_eq!((provider.calls(), provider.accepted().len()), (1, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_hanging_provider_is_given_up_in_time() {
    for kind in SENDING {
        let (provider, gateway) = pair(kind).await;
        provider.fail_next(Fault::Hang);
        let before = Instant::now();
        let outcomes = gateway.send(&batch_of(kind, 1)).await;
        assert_eq!(outcomes, [Outcome::unknown("timeout")], "{kind}");
        let waited = before.elapsed();
        let limit = Duration::from_millis(TIMEOUT_MS.unsigned_abs());
        assert!(waited >= limit && waited < limit * 4, "{kind}: {waited:?}");
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_got_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for kind in SENDING {
        let gateway = gateway(table(kind, &at(kind, &closed.to_string(), false), keys(kind).1));
        let outcomes = gateway.send(&batch_of(kind, 2)).await;
        assert_eq!(outcomes, vec![Outcome::rejected(ErrorClass::Retry, "not_sent"); 2], "{kind}");
    }
}

#[tokio::test]
async fn a_failed_tls_handshake_sent_nothing() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for kind in SENDING {
        let (provider, _) = pair(kind).await;
        let plain = endpoint(kind, &provider);
        let speaks_plain = at(kind, plain.split("://").nth(1).unwrap(), true);
        let says_nothing = at(kind, &silent.local_addr().unwrap().to_string(), true);
        for endpoint in [speaks_plain, says_nothing] {
            let mut settings = table(kind, &endpoint, keys(kind).1);
            settings.connect_timeout_ms = 200;
            let outcomes = gateway(settings).send(&batch_of(kind, 1)).await;
            assert_eq!(outcomes, [Outcome::rejected(ErrorClass::Retry, "not_sent")], "{kind} {endpoint}");
        }
        assert_eq!(provider.calls(), 0, "{kind}");
    }
}

#[tokio::test]
async fn signatures_carry_the_time_of_the_clock_they_are_given() {
    for kind in SENDING.into_iter().filter(|kind| carries_the_time(kind)) {
        let (provider, _) = pair(kind).await;
        let slow: Now = Arc::new(|| machine_time()() - 16 * 60_000);
        let gateway = build(&[table(kind, &endpoint(kind, &provider), keys(kind).1)], &Site::new(slow, ""))
            .unwrap()
            .swap_remove(0);
        assert_eq!(words(&gateway.send(&batch_of(kind, 1)).await), ["configuration"], "{kind}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_a_matter_of_configuration() {
    for kind in SENDING {
        let (provider, _) = pair(kind).await;
        let gateway = gateway(table(kind, &endpoint(kind, &provider), "whsec_d3JvbmcgYXMgY2FuIGJl"));
        assert_eq!(words(&gateway.send(&batch_of(kind, 1)).await), ["configuration"], "{kind}");
        assert!(provider.accepted().is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn a_template_the_provider_has_no_code_for_is_not_sent() {
    for kind in SENDING.into_iter().filter(|kind| wants_codes(kind)) {
        let (provider, gateway) = pair(kind).await;
        let unnamed = Batch { template: TemplateKey::new("correction"), ..batch(2) };
        let code = Outcome::rejected(ErrorClass::Configuration, "no_template_correction");
        assert_eq!(gateway.send(&unnamed).await, vec![code; 2], "{kind}");
        assert_eq!(provider.calls(), 0, "{kind}");
    }
}

#[tokio::test]
async fn a_call_refuses_a_reference_that_would_not_come_back() {
    let (provider, gateway) = pair("aliyun_voice").await;
    let mut long = batch(1);
    long.recipients[0].reference = "1234567890123456".to_owned();
    assert_eq!(words(&gateway.send(&long).await), ["configuration"]);
    assert_eq!(provider.calls(), 0);
}

#[test]
fn a_gateway_that_cannot_work_is_not_built() {
    for (kind, endpoint, secret) in [
        ("aliyun_sms", "https://example.org/path", "s"),
        ("aliyun_sms", "ftp://example.org", "s"),
        ("aliyun_voice", "https://example.org", ""),
        ("tencent_sms", "https://example.org/path", "s"),
        ("tencent_voice", "https://example.org", ""),
        ("twilio_sms", "https://example.org/path", "s"),
        ("twilio_voice", "https://example.org", ""),
        ("huawei_sms", "https://example.org/path", "s"),
        ("wechat_subscribe", "https://example.org/path", "s"),
        ("wechat_subscribe", "https://example.org", ""),
        ("email", "https://example.org", "s"),
        ("webhook_sms", "https://example.org", "not base64"),
        ("webhook_sms", "nowhere", "whsec_c2VjcmV0"),
        ("log", "relative/path", ""),
    ] {
        assert!(try_build(table(kind, endpoint, secret)).is_err(), "{kind} {endpoint} {secret}");
    }
}

#[test]
fn gateways_do_not_print_their_secrets() {
    for kind in SENDING {
        let gateway = gateway(table(kind, &at(kind, "example.org", true), keys(kind).1));
        let printed = format!("{gateway:?}");
        assert!(printed.contains("\"g\"") && !printed.contains(keys(kind).1), "{printed}");
    }
}
