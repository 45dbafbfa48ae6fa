//! Counts of a division's codes, for who reads figures and sees nobody: as one answer, and as a table for a spreadsheet.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use futures_util::{Stream, stream};
use mashang_domain::health::Colour;
use mashang_domain::health::statistics::{HIDDEN, shown, shown_together};
use mashang_domain::person::Division;
use mashang_domain::time::{DAY, HOUR, Timestamp, day_number, day_of_number};
use mashang_infra::store::health_statistics::{self as store, Span};

use super::require;
use crate::error::{Answer, Problem};
use crate::http::spreadsheet::line;
use crate::state::App;

/// Days that are shown where none are named, and most days of one question.
const DAYS: u64 = 7;
const DAYS_MAX: u64 = 31;

/// What is asked for.
pub struct Question {
    pub division: Division,
    pub from: NaiveDate,
    /// The last day.
    pub until: NaiveDate,
    span: Span,
}

impl Question {
    /// The days that are named, or the last seven.
    pub fn new(
        app: &App,
        division: Division,
        from: Option<NaiveDate>,
        until: Option<NaiveDate>,
    ) -> Answer<Self> {
        require(app)?;
        let until = until.unwrap_or_else(|| app.clock.now().shanghai_day());
        let first = until.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(until);
        let from = from.unwrap_or(first);
        let days = (until - from).num_days();
        if !(0..i64::try_from(DAYS_MAX).unwrap_or(i64::MAX)).contains(&days) {
            let detail = format!("from ≤ until, ≤ {DAYS_MAX} days");
            return Err(Problem::field("from", "out_of_range", detail));
        }
        let begin = |day: NaiveDate| Timestamp(i64::from(day_number(day)) * DAY - 8 * HOUR);
        let span = Span { division: division.clone(), from: begin(from), until: begin(until) + DAY };
        Ok(Self { division, from, until, span })
    }
}

/// A count; none where one to four stand behind it.
pub type Cell = Option<i64>;

/// The parts of the answer.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    People,
    Changes,
    ByHand,
    Appeals,
    CheckIns,
}

/// The parts in their order.
const PARTS: [Part; 5] = [Part::People, Part::Changes, Part::ByHand, Part::Appeals, Part::CheckIns];

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Part::People => "people",
            Part::Changes => "changes",
            Part::ByHand => "by_hand",
            Part::Appeals => "appeals",
            Part::CheckIns => "check_ins",
        }
    }
}

/// One count with what it is of; what does not apply is empty.
#[derive(Debug, Clone, Default)]
pub struct Count {
    pub day: String,
    pub division: String,
    pub from: String,
    pub to: String,
    pub reason: String,
    pub n: Cell,
}

fn date(number: i64) -> String {
    day_of_number(i32::try_from(number).unwrap_or(i32::MAX)).to_string()
}

/// Hides what is small, in groups whose sums are known elsewhere; `counts` are in the order of their groups.
fn hide<K: Ord>(counts: Vec<(i64, Count)>, group: impl Fn(&Count) -> K) -> Vec<Count> {
    let mut groups: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (at, (_, count)) in counts.iter().enumerate() {
        groups.entry(group(count)).or_default().push(at);
    }
    let mut cells: Vec<Cell> = vec![None; counts.len()];
    for places in groups.values() {
        let numbers: Vec<i64> = places.iter().map(|at| counts[*at].0).collect();
        for (at, cell) in places.iter().zip(shown_together(&numbers)) {
            cells[*at] = cell;
        }
    }
    counts.into_iter().zip(cells).map(|((_, count), n)| Count { n, ..count }).collect()
}

/// One part, counted by one statement.
pub async fn part(app: &App, question: &Question, part: Part) -> Answer<Vec<Count>> {
    let (conn, span, now) = (app.db.conn(), &question.span, app.clock.now());
    let code = |prefix: &str| Division::parse_stored(prefix).code();
    Ok(match part {
        Part::People => {
            let rows = store::people(conn, &question.division).await?.into_iter();
            let today = now.shanghai_day().to_string();
            let count = |row: store::People| {
                let (division, to) = (code(&row.division), row.colour.to_string());
                (row.n, Count { day: today.clone(), division, to, ..Count::default() })
            };
            hide(rows.map(count).collect(), |count| count.to.clone())
        }
        Part::Changes => {
            let rows = store::changes(conn, span).await?.into_iter();
            let count = |row: store::Changes| {
                let (from, to) = (row.from_colour.to_string(), row.to_colour.to_string());
                let division = question.division.code();
                (row.n, Count { day: date(row.day), division, from, to, reason: row.reason, n: None })
            };
            hide(rows.map(count).collect(), |count| (count.day.clone(), count.reason.clone()))
        }
        Part::ByHand => {
            let rows = store::by_hand(conn, span).await?.into_iter();
            let count = |row: store::ByHand| {
                (row.n, Count { day: date(row.day), division: code(&row.division), ..Count::default() })
            };
            hide(rows.map(count).collect(), |count| count.day.clone())
        }
        Part::Appeals => {
            let rows = store::appeals(conn, span, now).await?.into_iter();
            let alone = |row: store::Appeals| Count {
                day: date(row.day),
                division: question.division.code(),
                reason: row.what,
                n: shown(row.n),
                ..Count::default()
            };
            rows.map(alone).collect()
        }
        Part::CheckIns => {
            let rows = store::check_ins(conn, span).await?.into_iter();
            let alone = |row: store::OfDay| Count {
                day: date(row.day),
                division: question.division.code(),
                n: shown(row.n),
                ..Count::default()
            };
            rows.map(alone).collect()
        }
    })
}

/// The counts of one division or day as columns.
pub fn columns<const N: usize>(
    counts: Vec<Count>,
    key: impl Fn(&Count) -> String,
    column: impl Fn(&Count) -> Option<usize>,
) -> BTreeMap<String, [Cell; N]> {
    let mut rows: BTreeMap<String, [Cell; N]> = BTreeMap::new();
    for count in counts {
        let cells = rows.entry(key(&count)).or_insert([Some(0); N]);
        if let Some(cell) = column(&count).and_then(|at| cells.get_mut(at)) {
            *cell = count.n;
        }
    }
    rows
}

/// The place of a colour among the columns: grey, green, yellow, red.
pub fn column_of(colour: &str) -> Option<usize> {
    Colour::ALL.iter().position(|known| known.as_str() == colour)
}

const HEAD: [&str; 7] = ["part", "day", "division", "from", "to", "reason", "count"];

/// All parts as CSV; each is counted when the client takes it.
pub fn table(app: &Arc<App>, question: Question) -> impl Stream<Item = Result<String, Problem>> + use<> {
    stream::unfold(Some((Arc::clone(app), question, 0)), next)
}

type Place = Option<(Arc<App>, Question, usize)>;

async fn next(place: Place) -> Option<(Result<String, Problem>, Place)> {
    let (app, question, at) = place?;
    let which = *PARTS.get(at)?;
    let counts = match part(&app, &question, which).await {
        Ok(counts) => counts,
        Err(problem) => return Some((Err(problem), None)),
    };
    // Excel reads UTF-8 only with its mark.
    let mut text = if at == 0 { format!("\u{feff}{}", line(HEAD)) } else { String::new() };
    for c in &counts {
        let n = c.n.map_or_else(|| HIDDEN.to_owned(), |n| n.to_string());
        text.push_str(&line([which.name(), &c.day, &c.division, &c.from, &c.to, &c.reason, &n]));
    }
    Some((Ok(text), Some((app, question, at + 1))))
}
