//! One live table against the file that should hold it: there, of the right size, whole at its end,
//! and the very table that the MANIFEST means. The cost is three reads, not the table's size.
//!
//! **Identity.** A table carries the number it was written under and the session (the process) that
//! wrote it. The MANIFEST keeps a unique id of two words, of which the first is the lower half of
//! that session. Number and session together are unique, so a table of the same store under another
//! name and a table of another store or of a diverged copy are both found out. A table that was made outside and taken over
//! (`write/import.rs`) was written under the number 1, whatever its name; but each has a session of its own, which alone
//! tells it from all others.

use std::io;

use super::counted_file::{CountedFile, Effort};
use super::directory::StoreDirectory;
use super::ending::unreadable;
use super::fault::{Fault, Reason};
use super::live_table::Table;
use super::properties::{self, Flawed, Properties};
use crate::error::Error;

/// What is wrong with the table, if anything.
pub(super) fn check(
    directory: &StoreDirectory,
    table: &Table,
    effort: &mut Effort,
) -> Result<Option<Fault>, Error> {
    let name = table.file_name();
    let path = directory.file(&name);
    let wrong = |offset, reason| {
        Ok(Some(Fault {
            path: path.clone(),
            offset,
            table: Some(Box::new(table.clone())),
            reason,
        }))
    };
    let Some(size) = directory.size(&name) else {
        let reason = directory.odd(&name).map_or(Reason::Missing, Reason::Odd);
        return wrong(None, reason);
    };
    if size != table.bytes {
        let expected = table.bytes;
        return wrong(
            None,
            Reason::Size {
                expected,
                found: size,
            },
        );
    }
    let mut source = match CountedFile::open(&path, effort) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return wrong(None, Reason::Missing);
        }
        Err(error) => return Err(unreadable("open", &path)(error)),
    };
    match properties::read(&mut source, size) {
        Ok(properties) => match mistaken(table, &properties) {
            Some(reason) => wrong(None, reason),
            None => Ok(None),
        },
        Err(Flawed::Content(offset, what)) => wrong(Some(offset), Reason::Content(what)),
        Err(Flawed::Io(error)) => wrong(None, Reason::Io(error.to_string())),
    }
}

/// Why this is another table than the one that is meant.
fn mistaken(table: &Table, properties: &Properties) -> Option<Reason> {
    let Some(number) = properties.number else {
        return Some(Reason::Content("it does not say its number"));
    };
    let by_session = properties.outside && table.unique_id.is_some();
    if number != table.number && !by_session {
        return Some(Reason::Number { found: number });
    }
    let [meant, _] = table.unique_id?;
    let session = properties
        .session
        .as_deref()
        .and_then(properties::session_word);
    match session {
        None => Some(Reason::Content("it does not say who wrote it")),
        Some(session) if session != meant => Some(Reason::Session),
        Some(_) => None,
    }
}

/// The properties of a table that nothing names, if it is complete.
pub(super) fn complete(
    directory: &StoreDirectory,
    name: &str,
    effort: &mut Effort,
) -> Result<Option<Properties>, Error> {
    let path = directory.file(name);
    let size = directory.size(name).unwrap_or(0);
    let mut source = CountedFile::open(&path, effort).map_err(unreadable("open", &path))?;
    Ok(properties::read(&mut source, size).ok())
}
