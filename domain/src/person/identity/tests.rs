use proptest::prelude::*;
use rstest::rstest;

use super::shape::check_character;
use super::*;

fn day(y: i32, m: u32, d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, d).expect("a date")
}

fn parse(kind: IdentityKind, text: &str) -> Result<IdentityNumber, IdentityError> {
    IdentityNumber::parse(kind, text, day(2026, 2, 1))
}

fn resident(text: &str) -> IdentityNumber {
    parse(IdentityKind::Resident, text).expect("valid")
}

#[rstest]
#[case(IdentityKind::Resident, "11010519491231002X", "11010519491231002X")]
#[case(IdentityKind::Resident, " 110105 19491231 002x ", "11010519491231002X")]
#[case(IdentityKind::Resident, "440524188001010014", "440524188001010014")]
#[case(IdentityKind::Resident, "360426199101010071", "360426199101010071")]
#[case(IdentityKind::Resident, "530102199003074519", "530102199003074519")]
#[case(IdentityKind::HouseholdRegister, "34010420000229001X", "34010420000229001X")]
#[case(IdentityKind::DrivingLicence, "34010420000229001X", "34010420000229001X")]
#[case(IdentityKind::HkMacaoPermit, "h12345678", "H12345678")]
#[case(IdentityKind::HkMacaoPermit, "M1234567890", "M1234567890")]
#[case(IdentityKind::TaiwanPermit, "12345678", "12345678")]
#[case(IdentityKind::TaiwanPermit, "1234567890a", "1234567890A")]
#[case(IdentityKind::HmtResidencePermit, "810000199408230021", "810000199408230021")]
#[case(IdentityKind::PermanentResidence, "CAN110188010112", "CAN110188010112")]
#[case(IdentityKind::Passport, "e12345678", "E12345678")]
#[case(IdentityKind::Passport, "EA1234567", "EA1234567")]
#[case(IdentityKind::OfficerCard, "军字第2001988号", "军字第2001988号")]
#[case(IdentityKind::OfficerCard, "20019880", "20019880")]
#[case(IdentityKind::Other, "外交-0042", "外交-0042")]
fn accepts(#[case] kind: IdentityKind, #[case] given: &str, #[case] kept: &str) {
    assert_eq!(parse(kind, given).map(|id| id.reveal().to_owned()), Ok(kept.to_owned()));
}

#[rstest]
#[case(IdentityKind::Resident, "530102199003074518", IdentityError::CheckDigit)]
#[case(IdentityKind::Resident, "340104200002290012", IdentityError::CheckDigit)]
#[case(IdentityKind::Resident, "X10105194912310021", IdentityError::Shape)]
#[case(IdentityKind::Resident, "110105491231002", IdentityError::Legacy)]
#[case(IdentityKind::Resident, "810000199408230021", IdentityError::Shape)]
#[case(IdentityKind::Resident, "１１０１０５１９４９", IdentityError::Shape)]
#[case(IdentityKind::Resident, "", IdentityError::Shape)]
#[case(IdentityKind::HmtResidencePermit, "11010519491231002X", IdentityError::Shape)]
#[case(IdentityKind::PermanentResidence, "11010519491231002X", IdentityError::Shape)]
#[case(IdentityKind::HkMacaoPermit, "A12345678", IdentityError::Shape)]
#[case(IdentityKind::HkMacaoPermit, "H123456789", IdentityError::Shape)]
#[case(IdentityKind::TaiwanPermit, "123456789", IdentityError::Shape)]
#[case(IdentityKind::Passport, "ABCDEFGH", IdentityError::Shape)]
#[case(IdentityKind::Passport, "E1234567890", IdentityError::Shape)]
#[case(IdentityKind::OfficerCard, "军字第号", IdentityError::Shape)]
#[case(IdentityKind::Other, "a;b c", IdentityError::Shape)]
fn refuses(#[case] kind: IdentityKind, #[case] given: &str, #[case] expected: IdentityError) {
    assert_eq!(parse(kind, given), Err(expected));
}

/// A number whose 17 digits are these and whose check character fits.
fn completed(seventeen: &str) -> String {
    format!("{seventeen}{}", char::from(check_character(seventeen.as_bytes())))
}

#[test]
fn birth_dates_exist_and_are_not_in_the_future() {
    let at = |seventeen: &str| parse(IdentityKind::Resident, &completed(seventeen)).map(|_| ());
    assert_eq!(at("34010420010229001"), Err(IdentityError::BirthDate));
    assert_eq!(at("34010419001301001"), Err(IdentityError::BirthDate));
    assert_eq!(at("34010417990101001"), Err(IdentityError::BirthDate));
    assert_eq!(at("34010420260201001"), Ok(()));
    assert_eq!(at("34010420260202001"), Err(IdentityError::BornLater));
    let foreigner = parse(IdentityKind::PermanentResidence, &completed("91112419880101002")).expect("valid");
    assert_eq!(foreigner.birth_date(), Some(day(1988, 1, 1)));
}

#[test]
fn ages_change_on_the_birthday() {
    let leap = resident("34010420000229001X");
    for (on, years, guardian) in [
        (day(2014, 2, 28), 13, true),
        (day(2014, 3, 1), 14, false),
        (day(2012, 2, 28), 11, true),
        (day(2012, 2, 29), 12, true),
        (day(2000, 2, 29), 0, true),
    ] {
        assert_eq!((leap.age_on(on), leap.needs_guardian(on)), (Some(years), Some(guardian)), "{on}");
    }
    assert_eq!(leap.age_on(day(2000, 2, 28)), None);
    let passport = parse(IdentityKind::Passport, "E12345678").expect("valid");
    assert_eq!(passport.needs_guardian(day(2020, 1, 1)), None);
}

#[test]
fn never_prints_itself() {
    let id = resident("11010519491231002x");
    assert_eq!(format!("{id} {id:?}"), "11****2X resident 11****2X");
    let short = parse(IdentityKind::Passport, "A1234").expect("valid");
    assert_eq!(short.to_string(), "A****4");
    let officer = parse(IdentityKind::OfficerCard, "军字第2001号").expect("valid");
    assert_eq!(officer.to_string(), "军字****1号");
}

#[test]
fn codes_are_those_of_the_standard() {
    let codes: Vec<_> = IdentityKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes, ["01", "02", "03", "04", "05", "06", "07", "99", "99", "99"]);
}

fn any_kind() -> impl Strategy<Value = IdentityKind> {
    prop::sample::select(IdentityKind::ALL)
}

fn any_resident() -> impl Strategy<Value = String> {
    let born = (0..70_000i64).prop_map(|n| day(1830, 1, 1) + chrono::Duration::days(n));
    (110_000..660_000u32, born, 0..1000u32)
        .prop_map(|(division, born, seq)| completed(&format!("{division}{}{seq:03}", born.format("%Y%m%d"))))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_is_accepted_is_stable(kind in any_kind(), text in "(?s).{0,40}|[A-Z0-9xX]{4,18}|[HM][0-9]{8,10}") {
        if let Ok(id) = parse(kind, &text) {
            prop_assert_eq!(parse(kind, id.reveal()), Ok(id.clone()));
            prop_assert_eq!(IdentityNumber::from_stored(kind, id.reveal().to_owned()), Some(id.clone()));
            let shown = format!("{id}{id:?}");
            prop_assert!(!shown.contains(id.reveal()));
        }
    }

    #[test]
    fn parsing_what_is_printed_is_the_identity(number in any_resident()) {
        let id = resident(&number);
        prop_assert_eq!(id.reveal(), &number);
        prop_assert_eq!(resident(&number.to_lowercase()), id);
    }

    #[test]
    fn every_change_of_one_digit_is_noticed(number in any_resident(), place in 0..18usize) {
        for other in "0123456789X".chars().filter(|c| *c != char::from(number.as_bytes()[place])) {
            let mut changed = number.clone();
            changed.replace_range(place..=place, &other.to_string());
            prop_assert!(parse(IdentityKind::Resident, &changed).is_err(), "{}", place);
        }
    }
}
