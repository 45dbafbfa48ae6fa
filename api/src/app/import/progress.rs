//! What an import tells while it runs: a progress bar listens on the command line, a stream over HTTP.

use serde::Serialize;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BadLineCode {
    BadPhone,
    UnknownVenue,
    BadTime,
    BadDirection,
    WrongColumns,
    NotUtf8,
}

impl BadLineCode {
    const fn text(self) -> &'static str {
        match self {
            BadLineCode::BadPhone => "手机号格式不正确 / no telephone number",
            BadLineCode::UnknownVenue => "场所不存在 / no such venue",
            BadLineCode::BadTime => {
                "时间须为 RFC 3339，且不早于 2000 年、不晚于现在 / a time in RFC 3339, not before 2000 and not in the future"
            }
            BadLineCode::BadDirection => "方向须为 in 或 out / the direction is `in` or `out`",
            BadLineCode::WrongColumns => "列数与表头不符 / not as many columns as the header",
            BadLineCode::NotUtf8 => "不是 UTF-8 编码 / not UTF-8",
        }
    }
}

/// A line that was left out. It never quotes the line: that may hold a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BadLine {
    /// The line of the file on which the row begins, the header being 1.
    pub line: u64,
    pub code: BadLineCode,
    pub detail: String,
}

impl BadLine {
    pub fn new(line: u64, code: BadLineCode) -> Self {
        Self { line, code, detail: code.text().to_owned() }
    }
}

/// Hears how an import goes. Calls are in the order of the file.
pub trait ImportProgress: Send {
    /// So many lines are done, of so many bytes read (packed ones, for a gzip file).
    fn advanced(&mut self, lines: u64, bytes: u64);
    fn rejected(&mut self, line: &BadLine);
    /// The lines are in; the marks of so many people have been put right.
    fn settled(&mut self, people: u64);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl ImportProgress for Silent {
    fn advanced(&mut self, _: u64, _: u64) {}
    fn rejected(&mut self, _: &BadLine) {}
    fn settled(&mut self, _: u64) {}
}
