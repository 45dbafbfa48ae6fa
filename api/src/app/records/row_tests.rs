//! What a line of an official list must hold, as tables of text and fault.

use rstest::rstest;

use super::*;

fn day(m: u32, d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, m, d).expect("a date")
}

fn strings(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|f| (*f).to_owned()).collect()
}

fn header(kind: ListKind) -> Header {
    Header::parse(&strings(&["id_type", "id_number", "phone", "name", "day", "ends_on"]), kind)
        .expect("a header")
}

fn listed(fields: &[&str], kind: ListKind) -> Result<Listed, &'static str> {
    header(kind).listed(&strings(fields), kind, day(2, 20)).map_err(|f| f.code)
}

#[test]
fn somebody_is_named_by_document_or_number() {
    let by = |fields: &[&str]| listed(fields, ListKind::Confirmed).expect("listed");
    let both = by(&["01", "11010519491231002x", "138 0013 8000", "=1+1", "2020/2/1", ""]);
    assert_eq!(both.identity.as_ref().map(IdentityNumber::reveal), Some("11010519491231002X"));
    assert_eq!(both.phone.as_ref().map(Phone::reveal), Some("+8613800138000"));
    assert_eq!((both.name.as_str(), both.day, both.ends_on), ("=1+1", day(2, 1), None));
    let wide = by(&["居民身份证", "'１１０１０５１９４９１２３１００２ｘ", "", "王\"小\"明", "20200201", ""]);
    assert_eq!(wide.identity, both.identity);
    assert_eq!(wide.name, "王\"小\"明");
    assert_eq!(by(&["", "", "１３８００１３８０００", "", "2020年2月1日", ""]).phone, both.phone);
}

#[rstest]
#[case(&["resident", "110105194912310021", "", "", "2020-02-01", ""], "identity_invalid")]
#[case(&["resident", "110105491231002", "", "", "2020-02-01", ""], "identity_invalid")]
#[case(&["99", "X1", "", "", "2020-02-01", ""], "id_type_unknown")]
#[case(&["card", "X1", "", "", "2020-02-01", ""], "id_type_unknown")]
#[case(&["", "", "12345", "", "2020-02-01", ""], "phone_invalid")]
#[case(&["", "", "", "王", "2020-02-01", ""], "nobody")]
#[case(&["", "", "13800138000", "", "2020-02-21", ""], "day_invalid")]
#[case(&["", "", "13800138000", "", "2020-02-30", ""], "day_invalid")]
#[case(&["", "", "13800138000", "", "1999-02-01", ""], "day_invalid")]
#[case(&["", "", "13800138000", "", "", ""], "day_invalid")]
#[case(&["", "", "13800138000", "", "2020-02-01", "2020-01-31"], "ends_on_invalid")]
#[case(&["", "", "13800138000", "", "2020-02-01", "soon"], "ends_on_invalid")]
#[case(&["", "", "13800138000"], "columns_wrong")]
fn each_fault_has_its_word(#[case] fields: &[&str], #[case] code: &str) {
    assert_eq!(listed(fields, ListKind::Quarantine).map(|_| ()), Err(code));
}

#[test]
fn only_quarantines_end() {
    let fields = ["", "", "13800138000", "", "2020-02-01", "2020-02-15"];
    assert_eq!(listed(&fields, ListKind::Quarantine).expect("listed").ends_on, Some(day(2, 15)));
    assert_eq!(listed(&fields, ListKind::CloseContact).map(|_| ()), Err("ends_on_unexpected"));
}

#[test]
fn areas_have_days() {
    let header = Header::parse(&strings(&["division", "from_day", "until_day"]), ListKind::KeyAreaList);
    let header = header.expect("a header");
    let area = |fields: &[&str]| header.area(&strings(fields), day(2, 20)).map_err(|f| f.code);
    let (code, found) = area(&["420100", "2020-01-23", ""]).expect("an area");
    assert_eq!((code.as_str(), found.division.prefix(), found.until), ("420100", "4201", None));
    assert_eq!(area(&["42", "2020-01-23", ""]).map(|_| ()), Err("area_invalid"));
    assert_eq!(area(&["", "2020-01-23", ""]).map(|_| ()), Err("area_invalid"));
    assert_eq!(area(&["420100", "2020-01-23", "2020-01-22"]).map(|_| ()), Err("area_invalid"));
    assert_eq!(area(&["420100", "", ""]).map(|_| ()), Err("from_day_invalid"));
}

#[rstest]
#[case(&["day", "phone"], Ok(()))]
#[case(&["日期", "手机号"], Ok(()))]
#[case(&["DAY ", "id_number"], Ok(()))]
#[case(&["phone"], Err("column_missing"))]
#[case(&["day", "name"], Err("column_missing"))]
#[case(&["day", "phone", "sex"], Err("column_unknown"))]
#[case(&["day", "phone", "day"], Err("column_twice"))]
fn headers_are_checked(#[case] names: &[&str], #[case] expected: Result<(), &str>) {
    assert_eq!(Header::parse(&strings(names), ListKind::Confirmed).map(|_| ()).map_err(|f| f.code), expected);
}
