use super::*;

const TOKEN: &str = "AAAAA";

#[test]
fn the_signature_is_that_of_wechats_own_example() {
    let expected = "f464b24fc39322e44b38aa78f5edd27bd1441696";
    assert_eq!(signature(TOKEN, "1714036504", "1514711492"), expected);
    let signed = Signed { signature: expected, timestamp: "1714036504", nonce: "1514711492" };
    let at = |seconds: i64| Timestamp::from_secs(1_714_036_504 + seconds);
    for (token, signed, now, genuine) in [
        (TOKEN, signed, at(0), true),
        (TOKEN, signed, at(600), true),
        (TOKEN, signed, at(601), false),
        (TOKEN, signed, at(-601), false),
        ("AAAAB", signed, at(0), false),
        (TOKEN, Signed { nonce: "1514711493", ..signed }, at(0), false),
        (TOKEN, Signed { signature: "", ..signed }, at(0), false),
    ] {
        assert_eq!(is_genuine(&token.into(), signed, now), genuine, "{token} {signed:?} {now}");
    }
    let unset = signature("", "1714036504", "1");
    let signed = Signed { signature: &unset, timestamp: "1714036504", nonce: "1" };
    assert!(!is_genuine(&"".into(), signed, at(0)), "without a token nobody is WeChat");
}

const POPUP_XML: &str = "<xml><ToUserName><![CDATA[gh_123456789abc]]></ToUserName>\
    <FromUserName><![CDATA[oABCD]]></FromUserName><CreateTime>1610969440</CreateTime><MsgType><![CDATA[event]]></MsgType>\
    <Event><![CDATA[subscribe_msg_popup_event]]></Event><SubscribeMsgPopupEvent>\
    <List><TemplateId><![CDATA[T-1]]></TemplateId><SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString>\
    <PopupScene>2</PopupScene></List><List><TemplateId>T_2</TemplateId><SubscribeStatusString>reject</SubscribeStatusString>\
    </List></SubscribeMsgPopupEvent></xml>";

fn event(news: News) -> Event {
    Event { from: OpenId::parse("oABCD").expect("an id"), at: Timestamp::from_secs(1_610_969_440), news }
}

#[test]
fn a_popup_reads_alike_in_both_notations() {
    let json = r#"{"ToUserName":"gh_1","FromUserName":"oABCD","CreateTime":"1610969440","MsgType":"event",
        "Event":"subscribe_msg_popup_event","List":[{"TemplateId":"T-1","SubscribeStatusString":"accept","PopupScene":"2"},
        {"TemplateId":"T_2","SubscribeStatusString":"reject","PopupScene":2}]}"#;
    let said = vec![("T-1".to_owned(), Consent::Accepted), ("T_2".to_owned(), Consent::Refused)];
    assert_eq!(read(POPUP_XML.as_bytes()), Ok(event(News::Said(said.clone()))));
    assert_eq!(read(json.as_bytes()), Ok(event(News::Said(said))));
}

#[test]
fn a_list_of_one_may_be_an_object_and_a_time_a_number() {
    let base = |kind: &str, list: &str| {
        let text =
            format!(r#"{{"FromUserName":"oABCD","CreateTime":1610969440,"Event":"{kind}","List":{list}}}"#);
        read(text.as_bytes()).map(|e| e.news)
    };
    let sent =
        |code: &str| format!(r#"{{"TemplateId":"T","MsgID":"1","ErrorCode":"{code}","ErrorStatus":"x"}}"#);
    assert_eq!(base("subscribe_msg_sent_event", &sent("0")), Ok(News::Sent(vec!["T".to_owned()])));
    assert_eq!(base("subscribe_msg_sent_event", &sent("43101")), Ok(News::Sent(vec![])));
    let change = r#"{"TemplateId":"T","SubscribeStatusString":"reject"}"#;
    let refused = News::Said(vec![("T".to_owned(), Consent::Refused)]);
    assert_eq!(base("subscribe_msg_change_event", change), Ok(refused));
    assert_eq!(base("user_enter_tempsession", "null"), Ok(News::Other));
}

#[test]
fn what_is_no_message_is_refused() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><xml><FromUserName>&a;</FromUserName></xml>";
    let deep = format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000));
    for text in ["", "{}", "[]", "<xml></xml>", "<xml><a>", "hello", "<xml>&x;</xml>", bomb, deep.as_str()] {
        assert_eq!(read(text.as_bytes()), Err(Unreadable::Malformed), "{text:.60}");
    }
    assert_eq!(read(&[0xff, 0xfe]), Err(Unreadable::Malformed));
    let sealed = "<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[c2VhbGVk]]></Encrypt></xml>";
    assert_eq!(read(sealed.as_bytes()), Err(Unreadable::Encrypted));
    let strange = r#"{"FromUserName":"o'; --","CreateTime":1,"Event":"x"}"#;
    assert_eq!(read(strange.as_bytes()), Err(Unreadable::Malformed));
}
