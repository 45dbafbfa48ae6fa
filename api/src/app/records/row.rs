//! One line of an official list: columns by name, in any order; each fault has a stable word and no number in it.

use chrono::{Days, NaiveDate};
use mashang_domain::health::{KeyArea, ListKind};
use mashang_domain::person::{IdentityKind, IdentityNumber, Phone};

use super::Fault;

/// The columns of lists of people, with what Chinese lists call them.
const PEOPLE: &[(&str, &[&str])] = &[
    ("day", &["日期"]),
    ("id_type", &["证件类型"]),
    ("id_number", &["证件号码", "证件号", "身份证号"]),
    ("phone", &["手机号", "手机号码", "联系电话"]),
    ("name", &["姓名"]),
    ("ends_on", &["结束日期", "解除日期"]),
];
/// Those of lists of key areas.
const AREAS: &[(&str, &[&str])] =
    &[("division", &["行政区划", "地区代码"]), ("from_day", &["开始日期"]), ("until_day", &["结束日期"])];

/// Longest name, in characters.
const NAME_MAX: usize = 100;
/// No list of this operation is older.
const EARLIEST: NaiveDate = match NaiveDate::from_ymd_opt(2019, 11, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};
/// Days after its first one on which a quarantine can end.
const LONGEST_DAYS: u64 = 366;

/// Somebody on a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    pub identity: Option<IdentityNumber>,
    pub phone: Option<Phone>,
    pub name: String,
    pub day: NaiveDate,
    pub ends_on: Option<NaiveDate>,
}

/// Where the columns stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    columns: &'static [(&'static str, &'static [&'static str])],
    places: Vec<Option<usize>>,
    width: usize,
}

impl Header {
    /// Reads the first line of a list of this kind.
    pub fn parse(names: &[String], kind: ListKind) -> Result<Self, Fault> {
        let columns = if kind == ListKind::KeyAreaList { AREAS } else { PEOPLE };
        let listed = || columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
        let mut places = vec![None; columns.len()];
        for (at, name) in names.iter().enumerate() {
            let name = name.trim();
            let known =
                columns.iter().position(|(c, also)| *c == name.to_ascii_lowercase() || also.contains(&name));
            let slot = known.and_then(|n| places.get_mut(n));
            // Not what stands there: of a file without a header that is somebody's number.
            let slot = slot.ok_or_else(|| {
                let detail =
                    format!("第 {n} 列：可用的列 / column {n}: the columns are {}", listed(), n = at + 1);
                Fault::new("column_unknown", detail)
            })?;
            if slot.replace(at).is_some() {
                return Err(Fault::new("column_twice", format!("`{name}`")));
            }
        }
        let header = Self { columns, places, width: names.len() };
        let missing = match kind {
            ListKind::KeyAreaList => ["division", "from_day"].into_iter().find(|c| header.place(c).is_none()),
            _ if header.place("day").is_none() => Some("day"),
            _ if header.place("id_number").or(header.place("phone")).is_none() => Some("id_number, phone"),
            _ => None,
        };
        match missing {
            Some(column) => Err(Fault::new("column_missing", column)),
            None => Ok(header),
        }
    }

    fn place(&self, column: &str) -> Option<usize> {
        let at = self.columns.iter().position(|(name, _)| *name == column)?;
        self.places.get(at).copied().flatten()
    }

    /// The text of a column; empty when the file has none.
    fn text<'r>(&self, record: &'r [String], column: &str) -> &'r str {
        self.place(column).and_then(|at| record.get(at)).map_or("", |text| text.trim())
    }

    fn check_width(&self, record: &[String]) -> Result<(), Fault> {
        if record.len() == self.width {
            return Ok(());
        }
        Err(Fault::new("columns_wrong", format!("{} 列，应为 / instead of {}", record.len(), self.width)))
    }

    /// A line of a list of people.
    pub fn listed(&self, record: &[String], kind: ListKind, today: NaiveDate) -> Result<Listed, Fault> {
        self.check_width(record)?;
        let number = narrow(self.text(record, "id_number"));
        let identity = if number.is_empty() {
            None
        } else {
            let kind = identity_kind(&narrow(self.text(record, "id_type")))?;
            let parsed = IdentityNumber::parse(kind, &number, today);
            Some(parsed.map_err(|e| Fault::new("identity_invalid", format!("证件号码有误 / {e}")))?)
        };
        let phone = narrow(self.text(record, "phone"));
        let phone = if phone.is_empty() {
            None
        } else {
            Some(Phone::parse(&phone).map_err(|e| Fault::new("phone_invalid", format!("手机号有误 / {e}")))?)
        };
        if identity.is_none() && phone.is_none() {
            return Err(Fault::new("nobody", "缺少证件号码和手机号 / neither a document nor a number"));
        }
        let name = self.text(record, "name");
        if name.chars().count() > NAME_MAX {
            return Err(Fault::new("name_too_long", format!("姓名过长 / ≤ {NAME_MAX}")));
        }
        let day = past_day(self.text(record, "day"), "day_invalid", today)?;
        let ends_on = match self.text(record, "ends_on") {
            "" => None,
            _ if kind != ListKind::Quarantine => {
                return Err(Fault::new("ends_on_unexpected", "仅隔离名单可有结束日期 / of quarantines only"));
            }
            text => Some(end_after(day, text)?),
        };
        Ok(Listed { identity, phone, name: name.to_owned(), day, ends_on })
    }

    /// A line of a list of key areas: code, area.
    pub fn area(&self, record: &[String], today: NaiveDate) -> Result<(String, KeyArea), Fault> {
        self.check_width(record)?;
        let code = narrow(self.text(record, "division"));
        let from = past_day(self.text(record, "from_day"), "from_day_invalid", today)?;
        let until = match self.text(record, "until_day") {
            "" => None,
            text => Some(date(text).ok_or_else(|| not_a_day("until_day_invalid"))?),
        };
        let area = KeyArea::parse(&code, from, until);
        area.map(|area| (code, area)).map_err(|e| Fault::new("area_invalid", format!("地区或日期有误 / {e}")))
    }
}

/// Full-width characters as their plain ones; without an apostrophe that a spreadsheet put before digits.
fn narrow(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let text: String = text.chars().map(plain).collect();
    text.trim().trim_start_matches('\'').trim().to_owned()
}

/// Our word for a document, its code of CV02.01.101, or its Chinese name; a resident card where nothing is said.
fn identity_kind(text: &str) -> Result<IdentityKind, Fault> {
    let kind = match text {
        "" | "居民身份证" | "身份证" => IdentityKind::Resident,
        "户口簿" => IdentityKind::HouseholdRegister,
        "护照" => IdentityKind::Passport,
        "军官证" => IdentityKind::OfficerCard,
        "驾驶证" => IdentityKind::DrivingLicence,
        "港澳居民来往内地通行证" => IdentityKind::HkMacaoPermit,
        "台湾居民来往大陆通行证" => IdentityKind::TaiwanPermit,
        "港澳台居民居住证" => IdentityKind::HmtResidencePermit,
        "外国人永久居留身份证" => IdentityKind::PermanentResidence,
        code if code.len() == 2 && code.bytes().all(|b| b.is_ascii_digit()) => {
            let found = IdentityKind::ALL.iter().find(|kind| kind.code() == code && code != "99");
            *found.ok_or_else(unknown_kind)?
        }
        word => word.to_ascii_lowercase().parse().map_err(|_| unknown_kind())?,
    };
    Ok(kind)
}

fn unknown_kind() -> Fault {
    let words = IdentityKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    Fault::new("id_type_unknown", format!("证件类型 / one of {words}"))
}

/// A day that has come.
fn past_day(text: &str, code: &'static str, today: NaiveDate) -> Result<NaiveDate, Fault> {
    let day = date(text).ok_or_else(|| not_a_day(code))?;
    if day > today || day < EARLIEST {
        return Err(Fault::new(code, format!("日期应在此范围内 / from {EARLIEST} to today")));
    }
    Ok(day)
}

fn end_after(day: NaiveDate, text: &str) -> Result<NaiveDate, Fault> {
    let end = date(text).ok_or_else(|| not_a_day("ends_on_invalid"))?;
    let last = day.checked_add_days(Days::new(LONGEST_DAYS)).unwrap_or(NaiveDate::MAX);
    if (day..=last).contains(&end) {
        return Ok(end);
    }
    Err(Fault::new("ends_on_invalid", "结束日期早于开始或过晚 / before the first day, or a year after it"))
}

fn not_a_day(code: &'static str) -> Fault {
    Fault::new(code, "日期格式：2020-02-11 / a date such as 2020-02-11")
}

/// `2020-02-11`, `2020/2/11`, `2020.2.11`, `2020年2月11日`, `20200211`.
fn date(text: &str) -> Option<NaiveDate> {
    let text = narrow(text);
    let formats = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日"];
    let parsed = formats.iter().find_map(|format| NaiveDate::parse_from_str(&text, format).ok());
    let bare = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    parsed.or_else(|| if bare { NaiveDate::parse_from_str(&text, "%Y%m%d").ok() } else { None })
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
