//! Lists: at most 500 items a page, an opaque cursor to the next.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Answer, Problem};

/// `?limit=&after=`
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Items wanted, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u64>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

impl PageQuery {
    pub fn limit(&self) -> Answer<u64> {
        match self.limit.unwrap_or(50) {
            n @ 1..=500 => Ok(n),
            _ => Err(Problem::field("limit", "out_of_range", "1 to 500")),
        }
    }

    /// The cursor as the bytes it stands for.
    fn raw(&self) -> Answer<Option<Vec<u8>>> {
        let decode = |text: &String| BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| bad_cursor());
        self.after.as_ref().map(decode).transpose()
    }

    pub fn after_id(&self) -> Answer<Option<Uuid>> {
        self.raw()?.map(|b| Uuid::from_slice(&b).map_err(|_| bad_cursor())).transpose()
    }

    /// A time in milliseconds and an id: lists that are in the order of time.
    pub fn after_time(&self) -> Answer<Option<(i64, Uuid)>> {
        let Some(bytes) = self.raw()? else { return Ok(None) };
        let (time, id) = bytes.split_first_chunk::<8>().ok_or_else(bad_cursor)?;
        Ok(Some((i64::from_be_bytes(*time), Uuid::from_slice(id).map_err(|_| bad_cursor())?)))
    }

    pub fn after_number(&self) -> Answer<Option<i64>> {
        let number =
            |b: Vec<u8>| <[u8; 8]>::try_from(b.as_slice()).map(i64::from_be_bytes).map_err(|_| bad_cursor());
        self.raw()?.map(number).transpose()
    }
}

fn bad_cursor() -> Problem {
    Problem::field("after", "cursor_invalid", "use the `next` of the page before")
}

/// The cursor after an id.
pub fn cursor(id: Uuid) -> String {
    BASE64URL_NOPAD.encode(id.as_bytes())
}

/// The cursor after a number.
pub fn cursor_number(n: i64) -> String {
    BASE64URL_NOPAD.encode(&n.to_be_bytes())
}

/// The cursor after a time and an id.
pub fn cursor_time(millis: i64, id: Uuid) -> String {
    BASE64URL_NOPAD.encode(&[millis.to_be_bytes().as_slice(), id.as_bytes()].concat())
}

/// One page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Cursor of the next page; null on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// `items` was asked for with `limit + 1`: one too many means that there is more.
    pub fn of(mut items: Vec<T>, limit: u64, cursor_of: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor_of) } else { None };
        Self { items, next }
    }
}
