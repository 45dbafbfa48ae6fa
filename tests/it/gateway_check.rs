//! `mashang-notifier check`: a line for each gateway, and a test message where one is asked for.

use std::process::Output;

use mashang_tests::fake_provider::{FakeProvider, Fault, KEY_ID, KEY_SECRET};
use mashang_tests::process::command;

const CODES: &str =
    r#"{ login = "T_LOGIN", alert_1 = "T_1", alert_2 = "T_2", alert_3 = "T_3", correction = "T_C" }"#;
const PHONE: &str = "13900000007";

fn table(name: &str, kind: &str, endpoint: &str, more: &str) -> String {
    format!(
        r#"[[gateways]]
        name = "{name}"
        kind = "{kind}"
        endpoint = "{endpoint}"
        access_key_id = "{KEY_ID}"
        access_key_secret = "{KEY_SECRET}"
        sign_name = "码上"
        {more}
        "#
    )
}

/// Exit code, what was said on both streams, and that the folder stayed empty.
async fn check(settings: &str, args: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), settings).unwrap();
    let mut all = vec!["--config", config.path().to_str().unwrap(), "check"];
    all.extend(args);
    let mut command = command("mashang-notifier", &all, &[]).unwrap();
    command.current_dir(folder.path());
    let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no database is made");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(KEY_SECRET) && !said.contains(PHONE), "{said}");
    (output.status.code(), said.into_owned())
}

#[tokio::test]
async fn every_gateway_has_its_line() {
    let good = table("sms", "aliyun_sms", "https://dysmsapi.aliyuncs.com", &format!("templates = {CODES}"))
        + &table(
            "text",
            "twilio_sms",
            "https://api.twilio.com",
            "app_id = \"AC1\"\nsender = \"+15005550006\"",
        )
        + &table("mail", "email", "smtps://mail.example.cn", "sender = \"a@example.cn\"");
    let (code, said) = check(&good, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("gateway")).collect();
    for (line, (name, words)) in lines.iter().zip([
        ("sms (aliyun_sms)", "ok: sms, 100 calls a second, 100 in one; no receipts: receipt_secret is empty"),
        (
            "text (twilio_sms)",
            "ok: sms, 100 calls a second, 1 in one; no receipts: notifier.public_url is empty",
        ),
        ("mail (email)", "ok: email, 100 calls a second, 1 in one"),
    ]) {
        assert!(line.contains(name) && line.ends_with(words), "{line}");
    }
    assert_eq!(lines.len(), 3, "{said}");
}

#[tokio::test]
async fn what_is_wrong_is_said_by_name() {
    let at = "https://dysmsapi.aliyuncs.com";
    let with = |more: &str| table("sms", "aliyun_sms", at, more);
    let all = format!("templates = {CODES}");
    let mut cases = vec![
        (with("templates = { login = \"T\" }"), "templates.alert_2 is missing"),
        (with(&format!("{all}\nrate_per_second = 0")), "rate_per_second"),
        (with(&format!("{all}\nmax_batch = 5000")), "max_batch"),
        (with(&format!("{all}\ntimeout_ms = 500")), "timeout_ms"),
        (with(&format!("{all}\ntimeout_ms = 60000")), "notifier.lease_seconds"),
        (with(&all).replace(KEY_SECRET, ""), "access_key_secret"),
        (with(&all).replace(KEY_ID, ""), "`access_key_id` is missing"),
        (with(&all).replace("码上", ""), "`sign_name` is missing"),
        (with(&all).replace(at, "https://dysmsapi.aliyuncs.com/path"), "`endpoint` does not fit"),
        (with(&all).replace(at, "dysmsapi.aliyuncs.com"), "gateways.sms.endpoint"),
        (table("t", "twilio_voice", "https://api.twilio.com", "app_id = \"AC1\""), "`sender` is missing"),
        (table("m", "email", "https://mail.example.cn", "sender = \"a@b.cn\""), "gateways.m.endpoint"),
        (table("m", "email", "smtps://mail.example.cn", "sender = \"nobody\""), "`sender` is no mailbox"),
        (table("w", "webhook_sms", "https://example.org", ""), "whsec_"),
    ];
    let twice = with(&all) + &with(&all);
    cases.push((twice, "two gateways share a name"));
    for (settings, named) in cases {
        let (code, said) = check(&settings, &[]).await;
        assert_eq!(code, Some(1), "{named}: {said}");
        assert!(said.contains(named) && said.contains("有误 wrong"), "{named}: {said}");
    }
    // What one gateway has no code for another may send.
    let shared = with("templates = { login = \"T\" }") + &with(&all).replace("\"sms\"", "\"other\"");
    let (code, said) = check(&shared, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("alert_2 is left to others"), "{said}");
}

#[tokio::test]
async fn one_message_is_sent_through_each_or_through_the_one_that_is_named() {
    let provider = FakeProvider::start().await.unwrap();
    let settings = table("sms", "aliyun_sms", provider.url(), &format!("templates = {CODES}"))
        + &table("voice", "aliyun_voice", provider.url(), &format!("templates = {CODES}"))
        + &table(
            "mail",
            "email",
            &format!("smtp-plain://127.0.0.1:{}", provider.smtp_port()),
            "sender = \"a@example.cn\"",
        );
    let (code, said) = check(&settings, &["--send", PHONE]).await;
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "sent to 139****0007 by sms: 已接受 accepted (login)",
        "sent to 139****0007 by voice: 已接受 accepted (login)",
        "sent to 139****0007 by mail: 未试 not tried: email",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let taken: Vec<_> = provider.accepted().into_iter().map(|a| (a.api, a.phone, a.template)).collect();
    let e164 = format!("+86{PHONE}");
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0], ("SendSms".to_owned(), e164, "T_LOGIN".to_owned()));
    assert_eq!(provider.accepted()[0].variables["code"], "000000");
    for (fault, words) in [
        (Fault::Account, "被拒绝 refused (login): account isv.AMOUNT_NOT_ENOUGH"),
        (Fault::LostAnswer, "结果未知 unknown (login): connection_lost"),
    ] {
        provider.fail_next(fault);
        let (code, said) = check(&settings, &["--send", PHONE, "--gateway", "sms"]).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(words) && !said.contains("by voice"), "{said}");
    }
    let (code, said) = check(&settings, &["--send", "a@example.org", "--gateway", "mail"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(provider.accepted().last().unwrap().phone, "a@example.org");
    assert!(said.contains("a***@example.org by mail: 已接受 accepted"), "{said}");
    assert_eq!(check(&settings, &["--send", PHONE, "--gateway", "nobody"]).await.0, Some(1));
    assert_eq!(check(&settings, &["--send", "12"]).await.0, Some(1));
    assert_eq!(check(&settings, &["--gateway", "sms"]).await.0, Some(2), "a name alone is wrong usage");
}
