//! The gateway of development: same behaviour, nothing leaves the house.

use mashang_domain::delivery::{Channel, Outcome};
use mashang_notifier::gateway::{Site, build, machine_time};

use super::{batch, gateway, table, try_build, words};

#[tokio::test]
async fn messages_are_kept_in_order_and_shared_by_both_channels() {
    let gateways = try_build(table("log", "", "")).unwrap();
    let [sms, voice] = gateways.as_slice() else { panic!("two gateways") };
    assert_eq!((sms.name(), sms.channel()), ("g", Channel::Sms));
    assert_eq!((voice.name(), voice.channel()), ("g-voice", Channel::Voice));
    assert_eq!(sms.send(&batch(0)).await, []);
    assert_eq!(words(&sms.send(&batch(2)).await), ["accepted"; 2]);
    let called = voice.send(&batch(1)).await;
    assert_eq!(called, [Outcome::Accepted { provider_id: "log-r0".to_owned() }]);
    let messages = sms.as_log().unwrap().messages();
    let seen: Vec<_> = messages.iter().map(|m| (m.channel, m.reference.as_str())).collect();
    assert_eq!(seen, [(Channel::Sms, "r0"), (Channel::Sms, "r1"), (Channel::Voice, "r0")]);
    assert_eq!((messages[0].template.as_str(), messages[0].text.as_str()), ("alert_2", "您曾到过翠湖 A+B*~"));
    assert!(!format!("{messages:?}").contains("翠湖"));
}

#[tokio::test]
async fn only_the_last_thousand_are_kept() {
    let gateway = gateway(table("log", "", ""));
    assert_eq!(gateway.send(&batch(1_003)).await.len(), 1_003);
    let messages = gateway.as_log().unwrap().messages();
    assert_eq!((messages.len(), messages[0].reference.as_str()), (1_000, "r3"));
}

#[tokio::test]
async fn a_file_gets_a_line_per_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messages.jsonl");
    for endpoint in [format!("file://{}", path.display()), path.display().to_string()] {
        let gateway = gateway(table("log", &endpoint, ""));
        assert_eq!(words(&gateway.send(&batch(2)).await), ["accepted"; 2]);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[1]["phone"], &lines[1]["template"]), (&"+8613900000001".into(), &"alert_2".into()));
    assert_eq!(
        (&lines[1]["variables"]["place"], &lines[1]["channel"]),
        (&"翠湖 A+B*~".into(), &"sms".into())
    );
}

#[test]
fn without_a_table_there_is_the_log_of_development() {
    let gateways = build(&[], &Site::new(machine_time(), "")).unwrap();
    let names: Vec<&str> = gateways.iter().map(|gateway| gateway.name()).collect();
    assert_eq!(names, ["log", "log-voice"]);
}
