//! Receipts that were not pushed: asked for, number by number, or fetched where the provider keeps them.

use mashang_domain::delivery::Outcome;
use mashang_domain::person::{Address, Phone};
use mashang_notifier::gateway::{Answer, Gateway, NoAnswer, Question, ReceiptMatch, machine_time};
use mashang_tests::fake_provider::Fault;

use super::kinds::*;
use super::{batch, gateway, pair, person};

/// The kinds that answer.
const ANSWERING: [&str; 2] = ["aliyun_sms", "tencent_sms"];

fn phone(number: usize) -> Phone {
    match person(number).to {
        Address::Phone(phone) => phone,
        Address::Email(_) | Address::Account(_) => panic!("a number"),
    }
}

fn question(number: usize, provider_id: Option<&str>, told: &str) -> Question {
    let provider_id = provider_id.map(str::to_owned);
    Question { phone: phone(number), provider_id, told: told.to_owned(), sent_at: machine_time()() }
}

async fn ask(gateway: &dyn Gateway, question: &Question) -> Result<Answer, NoAnswer> {
    gateway.as_answering().unwrap().ask(question).await
}

fn id(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted { provider_id } => provider_id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_provider_that_answers_says_how_a_message_ended() {
    for kind in ANSWERING {
        let (provider, gateway) = pair(kind).await;
        let three = batch(3);
        let outcomes = gateway.send(&three).await;
        let told = gateway.sent_references(&three);
        let of = |n: usize| question(n, Some(id(&outcomes[n])), &told[n]);
        let under_way = if kind == "aliyun_sms" { Answer::OnItsWay } else { Answer::NotKnown };
        assert_eq!(ask(&*gateway, &of(0)).await, Ok(under_way), "{kind}");
        provider.ends_for(phone(0).reveal(), true);
        provider.ends_for(phone(1).reveal(), false);
        for (n, delivered) in [(0, true), (1, false)] {
            let Ok(Answer::Receipt(receipt)) = ask(&*gateway, &of(n)).await else { panic!("{kind} {n}") };
            assert_eq!((receipt.delivered, receipt.phone.as_ref()), (delivered, Some(&phone(n))), "{kind}");
            assert_eq!(
                (receipt.provider_id.as_str(), &receipt.reference),
                (id(&outcomes[n]), &Some(told[n].clone()))
            );
            assert!(
                receipt.at.is_some() && !receipt.code.is_empty() && receipt.code.is_ascii(),
                "{receipt:?}"
            );
        }
        assert_eq!(gateway.terms().receipt_match, ReceiptMatch::ProviderIdAndPhone);
        assert_eq!(provider.calls(), 1, "{kind}: a question sends nothing");
    }
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_what_was_told() {
    for kind in ANSWERING {
        let (provider, gateway) = pair(kind).await;
        provider.fail_next(Fault::LostAnswer);
        gateway.send(&batch(1)).await;
        provider.ends_for(phone(0).reveal(), true);
        let Ok(Answer::Receipt(receipt)) = ask(&*gateway, &question(0, None, "r0")).await else {
            panic!("{kind}")
        };
        assert!(receipt.delivered && receipt.reference.as_deref() == Some("r0"), "{kind}: {receipt:?}");
        assert_eq!(ask(&*gateway, &question(0, None, "other")).await, Ok(Answer::NotKnown), "{kind}");
        assert_eq!(ask(&*gateway, &question(1, None, "r1")).await, Ok(Answer::NotKnown), "{kind}");
    }
}

#[tokio::test]
async fn a_question_without_an_answer_says_why() {
    for kind in ANSWERING {
        let (provider, gateway) = pair(kind).await;
        for (fault, expected) in [
            (Fault::Throttled, "asked too often"),
            (Fault::HtmlError, "no answer"),
            (Fault::Cut, "no answer"),
        ] {
            provider.fail_next(fault);
            if kind == "tencent_sms" && fault != Fault::Throttled {
                provider.fail_for(phone(0).reveal(), fault);
            }
            let error = ask(&*gateway, &question(0, Some("x"), "r0")).await.unwrap_err();
            assert!(error.to_string().starts_with(expected), "{kind} {fault:?}: {error}");
        }
    }
    for kind in SENDING.into_iter().filter(|kind| !ANSWERING.contains(kind)) {
        let (_provider, gateway) = pair(kind).await;
        assert!(gateway.as_answering().is_none(), "{kind}");
    }
}

#[tokio::test]
async fn kept_receipts_are_fetched_once_where_the_settings_say_so() {
    let (provider, plain) = pair("tencent_sms").await;
    plain.send(&batch(2)).await;
    provider.ends_for(phone(0).reveal(), true);
    assert_eq!(plain.as_answering().unwrap().fetch().await, Ok(Vec::new()));
    let mut settings = table("tencent_sms", provider.url(), keys("tencent_sms").1);
    settings.fetch_receipts = true;
    let fetching = gateway(settings);
    let receipts = fetching.as_answering().unwrap().fetch().await.unwrap();
    assert_eq!(
        (receipts.len(), receipts[0].phone.as_ref(), receipts[0].delivered),
        (1, Some(&phone(0)), true)
    );
    assert_eq!(fetching.as_answering().unwrap().fetch().await, Ok(Vec::new()), "they are gone there");
}
