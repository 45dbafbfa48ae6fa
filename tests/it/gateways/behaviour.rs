//! Sending: who gets what, once, and how people are put into calls.

use mashang_domain::delivery::Outcome;
use mashang_notifier::gateway::{Batch, TemplateKey};
use mashang_tests::fake_provider::Fault;
use serde_json::json;

use super::kinds::*;
use super::{at_place, batch, batch_of, gateway, pair, person, person_of, recipient, words};

#[tokio::test]
async fn every_recipient_is_answered_for_in_order() {
    for kind in SENDING {
        let (provider, gateway) = pair(kind).await;
        let mut three = batch_of(kind, 3);
        three.recipients[1] = at_place(address(kind, 1), "r1", "\"引号\" & 50%\\n");
        let outcomes = gateway.send(&three).await;
        let accepted = provider.accepted();
        assert_eq!((outcomes.len(), accepted.len()), (3, 3), "{kind}: {outcomes:?}");
        for (outcome, person) in outcomes.iter().zip(&three.recipients) {
            let Outcome::Accepted { provider_id } = outcome else { panic!("{kind}: {outcome:?}") };
            let taken = accepted.iter().find(|a| a.phone == person.to.reveal()).unwrap();
            assert_eq!(
                (&taken.provider_id, taken.template.as_str()),
                (provider_id, template_on_the_wire(kind)),
                "{kind}"
            );
            assert_eq!(taken.variables, on_the_wire(kind, &person.variables[0].1), "{kind}");
        }
    }
}

#[tokio::test]
async fn an_empty_batch_is_no_call() {
    for kind in SENDING {
        let (provider, gateway) = pair(kind).await;
        assert_eq!(gateway.send(&batch_of(kind, 0)).await, [], "{kind}");
        assert_eq!(provider.calls(), 0, "{kind}");
    }
}

#[tokio::test]
async fn a_resend_is_harmless_exactly_where_the_gateway_says_so() {
    for kind in SENDING {
        let (provider, gateway) = pair(kind).await;
        let first = gateway.send(&batch_of(kind, 1)).await;
        let second = gateway.send(&batch_of(kind, 1)).await;
        assert_eq!((words(&first), words(&second)), (vec!["accepted"], vec!["accepted"]), "{kind}");
        assert_eq!(provider.accepted().len(), if gateway.terms().idempotent { 1 } else { 2 }, "{kind}");
        assert_eq!(first == second, gateway.terms().idempotent, "{kind}");
    }
}

#[tokio::test]
async fn people_with_the_same_text_share_calls_within_the_limit() {
    let (provider, gateway) = pair("aliyun_sms").await;
    assert_eq!(gateway.terms().max_batch, 100);
    let outcomes = gateway.send(&batch(150)).await;
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Accepted { .. })));
    let accepted = provider.accepted();
    assert_eq!((provider.calls(), accepted.len()), (2, 150));
    assert!(accepted.iter().all(|a| a.api == "SendSms"));
    let told: Vec<String> = accepted.into_iter().map(|a| a.reference).collect();
    assert_eq!(gateway.sent_references(&batch(150)), told);
    assert_eq!((told[99].as_str(), told[100].as_str()), ("r0", "r100"));
}

#[tokio::test]
async fn people_with_different_texts_share_calls_as_well() {
    let (provider, gateway) = pair("aliyun_sms").await;
    let people = (0..101).map(|n| recipient(person(n).to.reveal(), &format!("r{n}"), &format!("第{n}处")));
    let different = Batch { template: TemplateKey::new("alert_1"), recipients: people.collect() };
    let outcomes = gateway.send(&different).await;
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Accepted { .. })));
    let accepted = provider.accepted();
    assert_eq!((provider.calls(), accepted.len()), (2, 101));
    assert!(accepted[..100].iter().all(|a| a.api == "SendBatchSms" && a.template == "T_1"));
    assert_eq!(accepted[7].variables, json!({"place": "第7处"}));
}

#[tokio::test]
async fn login_codes_travel_alone() {
    let (provider, gateway) = pair("aliyun_sms").await;
    let login = Batch { template: TemplateKey::new("login"), ..batch(3) };
    assert_eq!(words(&gateway.send(&login).await), ["accepted"; 3]);
    assert_eq!((provider.calls(), provider.accepted()[2].template.as_str()), (3, "T_LOGIN"));
    assert_eq!(gateway.sent_references(&login), ["r0", "r1", "r2"]);
}

#[tokio::test]
async fn the_settings_choose_the_size_of_a_call() {
    for (kind, max_batch, people, calls) in [
        ("aliyun_sms", 1, 3, 3),
        ("aliyun_sms", 500, 500, 1),
        ("aliyun_sms", 1_000, 501, 2),
        ("tencent_sms", 1, 3, 3),
        ("tencent_sms", 1_000, 201, 2),
        ("huawei_sms", 1, 3, 3),
        ("huawei_sms", 1_000, 501, 2),
    ] {
        let (provider, _) = pair(kind).await;
        let mut settings = table(kind, provider.url(), keys(kind).1);
        settings.max_batch = max_batch;
        settings.timeout_ms = 5_000;
        let outcomes = gateway(settings).send(&batch(people)).await;
        assert_eq!(words(&outcomes), vec!["accepted"; people], "{kind} {max_batch}");
        assert_eq!((provider.calls(), provider.accepted().len()), (calls, people), "{kind} {max_batch}");
    }
}

#[tokio::test]
async fn where_texts_differ_a_list_of_texts_is_one_call() {
    let (provider, gateway) = pair("huawei_sms").await;
    assert_eq!((gateway.terms().max_batch, gateway.terms().per_recipient_variables), (100, true));
    let mut five = batch(5);
    five.recipients[3].variables[0].1 = "别处".to_owned();
    assert_eq!(words(&gateway.send(&five).await), ["accepted"; 5]);
    let accepted = provider.accepted();
    assert_eq!((provider.calls(), accepted[0].api.as_str()), (1, "batchSendDiffSms"));
    assert_eq!((&accepted[3].variables, &accepted[4].variables), (&json!(["别处"]), &json!(["翠湖 A+B*~"])));
    // No attempt has the reference of a call to many, so that a receipt of one cannot be taken for the other's.
    let told = gateway.sent_references(&five);
    assert_eq!(told, vec!["br0"; 5]);
    assert!(five.recipients.iter().all(|r| r.reference != told[0]));
    assert_eq!(gateway.sent_references(&batch(1)), ["r0"]);
}

#[tokio::test]
async fn a_call_is_read_by_an_address_of_yours_where_there_is_one() {
    let (provider, _) = pair("twilio_voice").await;
    let mut settings = table("twilio_voice", provider.url(), keys("twilio_voice").1);
    settings.templates.insert("alert_2".into(), "https://ivr.example.org/say?v=1".into());
    assert_eq!(words(&gateway(settings.clone()).send(&batch(1)).await), ["accepted"]);
    let url = "https://ivr.example.org/say?v=1&place=%E7%BF%A0%E6%B9%96%20A%2BB%2A~";
    assert_eq!(provider.accepted()[0].variables, json!({ "url": url }));
    settings.templates.insert("alert_1".into(), "T_1".into());
    assert!(super::try_build(settings).is_err(), "a template of a call is an address");
}

#[tokio::test]
async fn one_number_costs_nobody_else_the_message() {
    for kind in SENDING {
        let about_a_number =
            |(fault, _): &(Fault, &str)| matches!(fault, Fault::NumberInvalid | Fault::FrequencyLimited);
        for (fault, expected) in refusals(kind).into_iter().filter(about_a_number) {
            let (provider, gateway) = pair(kind).await;
            provider.fail_for(person_of(kind, 1).to.reveal(), fault);
            let outcomes = gateway.send(&batch_of(kind, 4)).await;
            assert_eq!(words(&outcomes), ["accepted", expected, "accepted", "accepted"], "{kind}");
            let mut phones: Vec<String> = provider.accepted().into_iter().map(|a| a.phone).collect();
            phones.sort();
            let others = [0, 2, 3].map(|n| person_of(kind, n).to.reveal().to_owned());
            assert_eq!(phones, others, "{kind}: each once");
        }
    }
}

#[tokio::test]
async fn taking_a_call_apart_stops_at_an_answer_that_is_not_about_the_number() {
    let (provider, gateway) = pair("aliyun_sms").await;
    provider.fail_for(person(1).to.reveal(), Fault::NumberInvalid);
    provider.fail_for(person(2).to.reveal(), Fault::LostAnswer);
    let outcomes = gateway.send(&batch(5)).await;
    assert_eq!(words(&outcomes), ["accepted", "number_invalid", "unknown", "retry", "retry"]);
    assert_eq!((provider.calls(), provider.accepted().len()), (4, 2));
}

#[tokio::test]
async fn where_each_number_is_answered_for_a_bad_one_costs_no_call() {
    let (provider, gateway) = pair("tencent_sms").await;
    provider.fail_for(person(1).to.reveal(), Fault::NumberInvalid);
    let outcomes = gateway.send(&batch(150)).await;
    assert_eq!(outcomes.iter().filter(|o| matches!(o, Outcome::Accepted { .. })).count(), 149);
    assert_eq!(
        (words(&outcomes)[1], provider.calls(), provider.accepted().len()),
        ("number_invalid", 2, 149)
    );
    let told: Vec<String> = provider.accepted().into_iter().map(|a| a.reference).collect();
    let mut expected = gateway.sent_references(&batch(150));
    expected.remove(1);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn one_call_stays_on_one_side_of_the_border_and_has_one_text() {
    let (provider, gateway) = pair("tencent_sms").await;
    let mut mixed = batch(4);
    mixed.recipients[1] = recipient("+85251234567", "hk", "翠湖 A+B*~");
    mixed.recipients[3].variables[0].1 = "别处".to_owned();
    assert_eq!(words(&gateway.send(&mixed).await), ["accepted"; 4]);
    assert_eq!((provider.calls(), provider.accepted()[3].variables.clone()), (4, json!(["别处"])));
}
