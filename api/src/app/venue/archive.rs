//! A ZIP with the posters of a whole list of venues, made while it is sent.
//!
//! Three actors, each with a bounded channel to the next: a task reads venues and their codes page by page, a blocking
//! thread draws and zips, and the answer takes what it is given. When the client goes away the channels close and both
//! stop. A poster that cannot be drawn becomes a text that names it, so that one odd name does not cost a whole district
//! its posters.

use std::collections::HashMap;
use std::io::{self, Write};

use actix_web::web::Bytes;
use mashang_domain::person::Division;
use mashang_domain::venue::VenueState;
use mashang_entity::venue;
use mashang_infra::store::venue::{self as venues, Which};
use mashang_infra::store::venue_code as codes;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use uuid::Uuid;

use super::poster::{Sheet, not_drawn};
use crate::error::{Answer, Code, Problem};
use crate::http::auth::{Staff, may};
use crate::render::{Fonts, Format, Language, Size, zip_posters};
use crate::state::App;

/// Archives in work at once; each keeps a thread busy.
static TURNS: Semaphore = Semaphore::const_new(2);
/// Venues of one page.
const PAGE: u64 = 100;
/// Bytes that go to the client at once.
const CHUNK: usize = 64 * 1024;
/// Chunks that wait for a slow client.
const WAITING: usize = 8;

/// Which venues' posters are wanted.
#[derive(Debug, Clone)]
pub struct ArchiveWish {
    pub division: Division,
    /// Approved or pending.
    pub state: VenueState,
}

type Sheets = Result<Vec<Sheet>, sea_orm::DbErr>;
type Part = Result<Bytes, io::Error>;

/// Starts an archive; its bytes come out of the channel. An error in it cuts the answer short.
pub async fn stream_archive(
    app: actix_web::web::Data<App>,
    official: &Staff<may::CareForVenues>,
    wish: ArchiveWish,
) -> Answer<mpsc::Receiver<Part>> {
    if !wish.state.may_print() {
        return Err(Problem::field("state", "invalid", "approved | pending"));
    }
    app.fonts.check().map_err(not_drawn)?;
    let turn = TURNS.try_acquire().map_err(|_| Problem::retry(Code::Overloaded, 10_000))?;
    let which = Which {
        scope: official.division.clone(),
        division: wish.division,
        state: Some(wish.state),
        manager_id: None,
    };
    // The first page before the answer begins: a database that is away is a proper 503.
    let first = venues::page(app.db.conn(), &which, None, PAGE).await?;
    let (give_sheets, sheets) = mpsc::channel::<Sheets>(2);
    let (give_parts, parts) = mpsc::channel::<Part>(WAITING);
    let fonts = app.fonts.clone();
    tokio::spawn(async move { read_venues(&app, &which, first, &give_sheets).await });
    tokio::task::spawn_blocking(move || draw_all(sheets, &fonts, give_parts, turn));
    Ok(parts)
}

/// Reads page after page until the end, or until nobody takes them.
async fn read_venues(app: &App, which: &Which, first: Vec<venue::Model>, give: &mpsc::Sender<Sheets>) {
    let mut page = first;
    while let Some(last) = page.last().map(|v| v.id) {
        let sheets = sheets_of(app, &page).await;
        let failed = sheets.is_err();
        if give.send(sheets).await.is_err() || failed {
            return;
        }
        page = match venues::page(app.db.conn(), which, Some(last), PAGE).await {
            Ok(page) => page,
            Err(e) => {
                // Nobody left to tell is the only way this fails.
                let _ = give.send(Err(e)).await;
                return;
            }
        };
    }
}

async fn sheets_of(app: &App, page: &[venue::Model]) -> Sheets {
    let ids: Vec<Uuid> = page.iter().map(|v| v.id).collect();
    let by_id: HashMap<Uuid, &venue::Model> = page.iter().map(|v| (v.id, v)).collect();
    let codes = codes::live(app.db.conn(), &ids).await?;
    let sheet = |code: codes::NamedCode| by_id.get(&code.venue_id).map(|venue| Sheet::of(app, venue, code));
    Ok(codes.into_iter().filter_map(sheet).collect())
}

fn draw_all(
    mut sheets: mpsc::Receiver<Sheets>,
    fonts: &Fonts,
    give: mpsc::Sender<Part>,
    _turn: SemaphorePermit<'static>,
) {
    let pages = std::iter::from_fn(move || sheets.blocking_recv());
    // Lazily: what is drawn is sent before the next is drawn.
    let posters = pages.flat_map(|page| {
        let (sheets, error) = page.map_or_else(|e| (Vec::new(), Some(e)), |sheets| (sheets, None));
        sheets.into_iter().map(|sheet| Ok(drawn(&sheet, fonts))).chain(error.map(Err))
    });
    let out = ZipParts { give: give.clone(), waiting: Vec::with_capacity(CHUNK) };
    let done = zip_posters(out, posters).map_err(|e| e.to_string());
    let ended = done.and_then(|mut out| out.flush().map_err(|e| e.to_string()));
    if let Err(reason) = ended {
        tracing::warn!(reason, "an archive of posters ended early");
        let _ = give.blocking_send(Err(io::Error::other(reason)));
    }
}

fn drawn(sheet: &Sheet, fonts: &Fonts) -> (String, Vec<u8>) {
    match sheet.draw(Size::A4, Language::Both, Format::Pdf, None, fonts) {
        Ok(bytes) => (sheet.file_name("pdf"), bytes),
        Err(e) => {
            let text = format!("这张海报未能生成。This poster could not be made.\n{e}\n");
            (sheet.file_name("failed.txt"), text.into_bytes())
        }
    }
}

/// The end of the ZIP that the answer takes from.
struct ZipParts {
    give: mpsc::Sender<Part>,
    waiting: Vec<u8>,
}

impl ZipParts {
    fn send(&mut self) -> io::Result<()> {
        let part = std::mem::replace(&mut self.waiting, Vec::with_capacity(CHUNK));
        self.give.blocking_send(Ok(part.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for ZipParts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.send() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_left_stops_the_writer() {
        let (give, parts) = mpsc::channel(1);
        drop(parts);
        let mut out = ZipParts { give, waiting: Vec::new() };
        assert!(out.write(&[0; 10]).is_ok(), "small writes wait");
        assert_eq!(out.write(&[0; CHUNK]).map_err(|e| e.kind()), Err(io::ErrorKind::BrokenPipe));
    }
}
