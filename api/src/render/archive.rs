//! A ZIP of posters for a whole list of venues, written while it is made.
//!
//! Only the poster at hand is in memory, and the writer need not seek, so an HTTP answer can be the target. PDF and
//! PNG are stored as they are (they are compressed already); SVG is deflated.

use std::collections::HashSet;
use std::io::Write;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive that ended early.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError<E> {
    /// The next poster could not be made; the archive so far is incomplete and unreadable.
    #[error("a poster could not be made: {0}")]
    Poster(E),
    /// The target refused the bytes, usually because the reader went away.
    #[error("the archive could not be written: {0}")]
    Write(ZipError),
}

/// Writes every poster into a ZIP at `out` and gives `out` back. Two posters of one name get a number.
///
/// # Errors
/// The first error of `posters`, or of the target. What was written until then is no complete archive.
pub fn zip_posters<W: Write, E>(
    out: W,
    posters: impl Iterator<Item = Result<(String, Vec<u8>), E>>,
) -> Result<W, ArchiveError<E>> {
    let mut archive = ZipWriter::new_stream(out);
    let mut taken = HashSet::new();
    for poster in posters {
        let (name, bytes) = poster.map_err(ArchiveError::Poster)?;
        let name = free_name(&safe_name(&name), &mut taken);
        archive.start_file(&name, options(&name)).map_err(ArchiveError::Write)?;
        archive.write_all(&bytes).map_err(|e| ArchiveError::Write(e.into()))?;
    }
    let target = archive.finish().map_err(ArchiveError::Write)?;
    Ok(target.into_inner())
}

fn options(name: &str) -> SimpleFileOptions {
    let method = if name.ends_with(".svg") { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    SimpleFileOptions::default().compression_method(method).unix_permissions(0o644)
}

/// A file name that every system accepts and that stays inside the folder it is unpacked to.
fn safe_name(name: &str) -> String {
    let safe = |c: char| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { '_' } else { c };
    let name: String = name.chars().map(safe).collect();
    name.trim_matches([' ', '.']).to_owned()
}

fn free_name(name: &str, taken: &mut HashSet<String>) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let numbered = |n: u32| match (n, extension) {
        (1, _) => name.to_owned(),
        (_, "") => format!("{stem} ({n})"),
        _ => format!("{stem} ({n}).{extension}"),
    };
    let free = (1..).map(numbered).find(|candidate| taken.insert(candidate.to_lowercase()));
    free.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    type Made = Result<(String, Vec<u8>), &'static str>;

    #[test]
    fn posters_come_out_of_the_archive_as_they_went_in() {
        let posters: [Made; 3] = [
            Ok(("翠湖超市-in.pdf".into(), b"one".to_vec())),
            Ok(("翠湖超市-in.pdf".into(), b"two".to_vec())),
            Ok(("../a/b.svg".into(), b"three".repeat(100))),
        ];
        let bytes = zip_posters(Vec::new(), posters.into_iter()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["翠湖超市-in.pdf", "翠湖超市-in (2).pdf", "_a_b.svg"]);
        let mut second = archive.by_name("翠湖超市-in (2).pdf").unwrap();
        assert_eq!(second.compression(), CompressionMethod::Stored);
        let mut content = String::new();
        second.read_to_string(&mut content).unwrap();
        assert_eq!(content, "two");
    }

    #[test]
    fn a_poster_that_fails_ends_the_archive_with_its_error() {
        let posters: [Made; 2] = [Ok(("a.png".into(), vec![1])), Err("no font")];
        let answer = zip_posters(Vec::new(), posters.into_iter());
        assert!(matches!(answer, Err(ArchiveError::Poster("no font"))));
    }
}
