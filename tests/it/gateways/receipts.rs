//! Receipts: what a provider pushes finds the attempt it belongs to.

use std::sync::{Arc, Mutex};

use actix_web::web::{Bytes, Data, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use mashang_domain::delivery::Outcome;
use mashang_domain::time::Timestamp;
use mashang_notifier::gateway::{ReceiptMatch, Recipient};
use mashang_notifier::receipt::signature::{TwilioPush, twilio_signed};
use mashang_notifier::receipt::{Receipt, ReceiptFormat};
use mashang_notifier::standard_webhooks::{SignatureHeaders, WebhookSecret};
use mashang_tests::fake_provider::{KEY_SECRET, WEBHOOK_SECRET};

use super::{batch, pair};

/// A listener that reads receipts of one format as `g`, and answers as the provider wants.
pub(super) struct Receiver {
    /// Its address as a notifier's public one.
    pub(super) base: String,
    receipts: Data<Mutex<Vec<Receipt>>>,
}

impl Receiver {
    pub(super) fn start(format: ReceiptFormat) -> Self {
        let receipts = Data::from(Arc::new(Mutex::new(Vec::new())));
        let shared = (receipts.clone(), Data::new(format));
        let app = move || {
            App::new()
                .app_data(shared.0.clone())
                .app_data(shared.1.clone())
                .route("/receipts/g", post().to(take))
                .route("/receipts/g/receipts", post().to(take))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let base = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { base, receipts }
    }

    pub(super) fn url(&self) -> String {
        format!("{}/receipts/g", self.base)
    }

    pub(super) fn receipts(&self) -> Vec<Receipt> {
        self.receipts.lock().unwrap().clone()
    }
}

async fn take(
    request: HttpRequest,
    body: Bytes,
    receipts: Data<Mutex<Vec<Receipt>>>,
    format: Data<ReceiptFormat>,
) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
    let query = request.query_string();
    if *format.get_ref() == ReceiptFormat::Twilio {
        let push = TwilioPush {
            url: &format!("http://{}{}", request.connection_info().host(), request.uri()),
            signature: header("x-twilio-signature"),
            settings: "",
            body: &body,
        };
        if !twilio_signed(&KEY_SECRET.into(), push) {
            return HttpResponse::Unauthorized().finish();
        }
    } else if format.signed() {
        let headers = SignatureHeaders {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
        };
        let now = Timestamp(mashang_infra::clock::Clock::system().now().millis());
        if WebhookSecret::parse(WEBHOOK_SECRET).unwrap().verify(headers, &body, now).is_err() {
            return HttpResponse::Unauthorized().finish();
        }
    }
    let report = format.parse("g", query, &body).unwrap();
    assert_eq!(report.unreadable, 0);
    receipts.lock().unwrap().extend(report.receipts);
    let reply = format.reply();
    HttpResponse::build(reply.status.try_into().unwrap()).content_type("application/json").body(reply.body)
}

/// Whether a receipt names the number of this person.
pub(super) fn is_of(receipt: &Receipt, person: &Recipient) -> bool {
    receipt.phone.as_ref().is_some_and(|phone| phone.reveal() == person.to.reveal())
}

#[tokio::test]
async fn receipts_find_their_attempts() {
    for (kind, api, format) in [
        ("aliyun_sms", "SendSms", ReceiptFormat::AliyunSms),
        ("aliyun_voice", "SingleCallByTts", ReceiptFormat::AliyunVoice),
        ("tencent_sms", "SendSms", ReceiptFormat::TencentSms),
        ("tencent_voice", "SendTtsVoice", ReceiptFormat::TencentVoice),
        ("twilio_sms", "Messages", ReceiptFormat::Twilio),
        ("twilio_voice", "Calls", ReceiptFormat::Twilio),
        ("huawei_sms", "batchSendSms", ReceiptFormat::HuaweiSms),
        ("webhook_sms", "webhook/sms", ReceiptFormat::Webhook),
        ("webhook_voice", "webhook/voice", ReceiptFormat::Webhook),
    ] {
        let (provider, gateway) = pair(kind).await;
        let receiver = Receiver::start(format);
        let three = batch(3);
        let outcomes = gateway.send(&three).await;
        assert_eq!(
            provider.push_receipts(api, kind != "webhook_voice", &receiver.url()).await.unwrap(),
            3,
            "{kind}"
        );
        let receipts = receiver.receipts();
        assert_eq!(receipts.len(), 3, "{kind}");
        for ((person, outcome), told) in
            three.recipients.iter().zip(&outcomes).zip(gateway.sent_references(&three))
        {
            let Outcome::Accepted { provider_id } = outcome else { panic!("{kind}: {outcome:?}") };
            let belongs = |receipt: &&Receipt| match gateway.terms().receipt_match {
                ReceiptMatch::ProviderIdAndPhone => {
                    receipt.provider_id == *provider_id && is_of(receipt, person)
                }
                ReceiptMatch::Reference => {
                    receipt.provider_id == *provider_id
                        || receipt.reference.as_ref() == Some(&person.reference)
                }
                ReceiptMatch::Never => false,
            };
            let found: Vec<&Receipt> = receipts.iter().filter(belongs).collect();
            assert_eq!(found.len(), 1, "{kind}");
            let comes_back = (kind != "tencent_voice").then_some(&told);
            assert_eq!(found[0].reference.as_ref(), comes_back, "{kind}: what was told comes back");
            assert_eq!(found[0].delivered, kind != "webhook_voice", "{kind}");
        }
    }
}

#[tokio::test]
async fn a_receipt_signed_with_another_key_is_refused() {
    let secret = WebhookSecret::parse("whsec_YW5vdGhlciBrZXk=").unwrap();
    let receiver = Receiver::start(ReceiptFormat::Webhook);
    mashang_notifier::gateway::http::install_tls();
    let now = mashang_infra::clock::Clock::system().now().secs();
    let body = r#"{"id":"w0","status":"delivered"}"#;
    let answer = reqwest::Client::new()
        .post(receiver.url())
        .header("webhook-id", "1")
        .header("webhook-timestamp", now)
        .header("webhook-signature", secret.sign("1", now, body.as_bytes()))
        .body(body);
    assert_eq!(answer.send().await.unwrap().status(), 401);
    assert!(receiver.receipts().is_empty());
}
