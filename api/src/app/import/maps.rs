//! `people.csv` and `venues.csv`: what a check-in file's own names became, so that a migration can be followed up.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::ImportError;

pub(super) struct Maps {
    people: csv::Writer<File>,
    venues: csv::Writer<File>,
    told: HashSet<Box<str>>,
}

impl Maps {
    pub fn create(folder: &Path) -> Result<Self, ImportError> {
        std::fs::create_dir_all(folder).map_err(ImportError::Map)?;
        let open = |name: &str, id: &str| {
            let mut file =
                csv::Writer::from_writer(File::create(folder.join(name)).map_err(ImportError::Map)?);
            file.write_record(["ref", id]).map_err(failed)?;
            Ok::<_, ImportError>(file)
        };
        Ok(Self {
            people: open("people.csv", "person_id")?,
            venues: open("venues.csv", "venue_id")?,
            told: HashSet::new(),
        })
    }

    pub fn person(&mut self, name: &str, id: Uuid) -> Result<(), ImportError> {
        self.people.write_record([name, &id.to_string()]).map_err(failed)
    }

    /// Writes a venue once.
    pub fn venue(&mut self, name: &str, id: Uuid) -> Result<(), ImportError> {
        if self.told.contains(name) {
            return Ok(());
        }
        self.told.insert(name.into());
        self.venues.write_record([name, &id.to_string()]).map_err(failed)
    }

    pub fn close(mut self) -> Result<(), ImportError> {
        self.people.flush().and_then(|()| self.venues.flush()).map_err(ImportError::Map)
    }
}

fn failed(error: csv::Error) -> ImportError {
    ImportError::Map(match error.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => io::Error::other(format!("{other:?}")),
    })
}
