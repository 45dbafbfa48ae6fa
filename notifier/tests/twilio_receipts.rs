//! Twilio's receipts at the listener: believed when they are signed over our public address, in any order.
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "the support of several tests")]

mod support;

use std::collections::BTreeMap;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use mashang_domain::delivery::Channel;
use mashang_domain::delivery::DeliveryState::{Delivered, Undelivered};
use sha1::Sha1;
use support::each;
use support::gateway::{Fake, shared};

const PUBLIC_URL: &str = "https://gw.example.test/notices";

fn signature(url: &str, form: &BTreeMap<&str, &str>) -> String {
    let text: String = std::iter::once(url).chain(form.iter().flat_map(|(k, v)| [*k, *v])).collect();
    let mac = Hmac::<Sha1>::new_from_slice(b"x").unwrap().chain_update(text);
    BASE64.encode(&mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn signed_receipts_move_deliveries_forward_only() {
    each(&[("NOTIFIER__PUBLIC_URL", PUBLIC_URL)], async |bench| {
        let people = bench.people(2).await;
        let (fake, gateway) = shared(Fake::new("fake-twilio", Channel::Sms));
        let alert = bench.warn(&people, 1).await;
        let running = bench.start(vec![gateway]).await;
        bench.until_done(alert).await;
        let at = running.notifier.listen(None).unwrap();
        mashang_notifier::gateway::http::install_tls();
        let http = reqwest::Client::new();
        let reached = fake.reached();
        let push = async |n: usize, status: &str, signed_over: &str| {
            let (reference, phone) = (&reached[n].reference, reached[n].phone.reveal());
            let id = format!("SM{n}");
            let form =
                BTreeMap::from([("MessageSid", id.as_str()), ("MessageStatus", status), ("To", phone)]);
            let signature = signature(&format!("{signed_over}/receipts/fake-twilio?ref={reference}"), &form);
            let request = http.post(format!("http://{at}/receipts/fake-twilio?ref={reference}")).form(&form);
            request.header("x-twilio-signature", signature).send().await.unwrap().status().as_u16()
        };
        assert_eq!(push(0, "delivered", "https://elsewhere.example.test").await, 401);
        assert_eq!(push(0, "delivered", &format!("http://{at}")).await, 401, "the address is the public one");
        assert_eq!(bench.count(alert, Delivered).await, 0);
        // Out of order: the end first, then what led to it, then an end that comes too late.
        for status in ["delivered", "sent", "queued", "undelivered", "delivered"] {
            assert_eq!(push(0, status, PUBLIC_URL).await, 204, "{status}");
        }
        assert_eq!(push(1, "undelivered", PUBLIC_URL).await, 204);
        assert_eq!((bench.count(alert, Delivered).await, bench.count(alert, Undelivered).await), (1, 1));
        let odd = http.post(format!("http://{at}/receipts/fake-twilio/x")).body("a=b").send().await.unwrap();
        assert_eq!(odd.status().as_u16(), 404, "who signs has no secret path");
        running.stop().await;
    })
    .await;
}
