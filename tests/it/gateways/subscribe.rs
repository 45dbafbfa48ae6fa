//! What only WeChat's subscribe messages have: an access token, names of fields, and lengths of their values.

use mashang_notifier::gateway::{Batch, TemplateKey};
use mashang_tests::fake_provider::Fault;
use serde_json::json;

use super::kinds::*;
use super::{at_place, batch, batch_of, gateway, pair, words};

const KIND: &str = "wechat_subscribe";

#[tokio::test]
async fn a_token_that_went_bad_costs_no_message() {
    let (provider, gateway) = pair(KIND).await;
    assert_eq!(words(&gateway.send(&batch_of(KIND, 1)).await), ["accepted"]);
    provider.revoke_wechat_token();
    assert_eq!(words(&gateway.send(&batch_of(KIND, 3)).await), ["accepted"; 3]);
    assert_eq!((provider.calls(), provider.accepted().len()), (4, 4), "each once");
}

#[tokio::test]
async fn a_refusal_of_the_person_or_of_a_field_is_not_repeated() {
    for (fault, expected) in [(Fault::NumberInvalid, "number_invalid"), (Fault::Template, "configuration")] {
        let (provider, gateway) = pair(KIND).await;
        provider.fail_next(fault);
        assert_eq!(words(&gateway.send(&batch_of(KIND, 1)).await), [expected]);
        assert_eq!((provider.calls(), provider.accepted().len()), (1, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_long_name_of_a_venue_is_cut_to_what_wechat_takes() {
    let (provider, gateway) = pair(KIND).await;
    let name = "昆明市五华区翠湖公园东门便民综合超市一层入口";
    let long = Batch {
        template: TemplateKey::new("alert_1"),
        recipients: vec![at_place(address(KIND, 0), "r0", name)],
    };
    assert_eq!(words(&gateway.send(&long).await), ["accepted"]);
    let taken = &provider.accepted()[0];
    assert_eq!(taken.template, "T_1");
    // The template has a name of its own for the place.
    assert_eq!(taken.variables, json!({ "thing9": "昆明市五华区翠湖公园东门便民综合超市一…" }));
}

#[tokio::test]
async fn only_accounts_are_written_to_and_only_with_known_fields() {
    let (provider, gateway) = pair(KIND).await;
    assert_eq!(words(&gateway.send(&batch(1)).await), ["number_invalid"], "a number is no account");
    let mut strange = batch_of(KIND, 1);
    strange.recipients[0].variables.push(("colour".into(), "red".into()));
    assert_eq!(words(&gateway.send(&strange).await), ["configuration"]);
    assert_eq!(provider.calls(), 0);
}

#[tokio::test]
async fn no_reference_is_told_and_no_resend_is_harmless() {
    let gateway = gateway(table(KIND, "https://example.org", keys(KIND).1));
    let terms = gateway.terms();
    assert!(!terms.idempotent && terms.max_batch == 1 && !terms.channel.may_resend());
}
