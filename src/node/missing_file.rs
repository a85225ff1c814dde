//! The list of tables known to be missing, `MISSING` in the data directory.
//!
//! A manifest that names tables which are gone, beside newer tables which it does not name, has lost its end: what it says was
//! true once. That is how the judgement finds it out. But a node whose history lost a table goes on, writes, and is killed in
//! the middle of a flush: then the same is seen, and nothing is wrong. So a start that goes on around missing tables first
//! writes down which they are, and those are no sign of a lost end any more. Text, so that an operator can read it:
//!
//! ```text
//! etcd2 missing tables, format 1
//! table 12 0123456789abcdef fedcba9876543210      number and unique id, as the manifest has them
//! check 3a3898e1                                  CRC-32 of all lines before it, hexadecimal
//! ```
//!
//! **It only ever takes that one doubt away.** The table stays a fault, told and served around, as without the list; a copy
//! with hurt tables is refused as before. A unique id is one process's and one file's, so the list of another store or of
//! another history names nothing here. And the tables it names cannot hide a lost end: it is then as if the manifest did not
//! name them, and what else is gone, or newer than a kill leaves, or not joined by the log, is seen as in any store.
//!
//! **Where it is lost or damaged** the doubt is back: the next start after a kill in a flush is refused, as for a manifest that
//! lost its end; one without such leftovers writes the list again. It goes when a start finds no table missing.
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | write and sync `MISSING.new` | the list as it was, and the store was not opened for writing since the judgement | as before: the name means nothing |
//! | rename, sync the directory | as before | the new list; only now the store is opened for writing |
//! | no table is missing: remove the list | a list that names no missing table means nothing | no list |

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use storage::judge::{Inventory, Reason, Table};
use wal::fs::{File, Fs};

/// Its name in the data directory.
pub(super) const NAME: &str = "MISSING";
const NEW: &str = "MISSING.new";
const HEAD: &str = "etcd2 missing tables, format 1\n";
/// Of a longer file no more is read, and its check does not match then. Room for 20,000 tables.
const BYTES_MAX: usize = 1 << 20;

/// A table that no other store and no other history has.
type TableName = (u64, [u64; 2]);

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MissingTables {
    tables: BTreeSet<TableName>,
    /// Whether there is a file, whatever it says.
    there: bool,
}

impl MissingTables {
    /// Whether this very table was known to be missing.
    pub fn names(&self, table: &Table) -> bool {
        name(table).is_some_and(|name| self.tables.contains(&name))
    }
}

fn name(table: &Table) -> Option<TableName> {
    Some((table.number, table.unique_id?))
}

/// Looks at the list of a data directory and changes nothing.
///
/// # Errors
/// What the system says, if it is anything but that there is no such file.
pub(super) fn read<F: Fs>(fs: &F, data_dir: &Path) -> io::Result<MissingTables> {
    let file = match fs.open_read(&path(data_dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(MissingTables::default());
        }
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.len()?).unwrap_or(BYTES_MAX);
    let mut bytes = vec![0; length.min(BYTES_MAX)];
    let filled = file.read_full_at(0, &mut bytes)?;
    Ok(MissingTables {
        tables: decode(&bytes[..filled]).unwrap_or_default(),
        there: true,
    })
}

/// Brings the list in line with what was judged, before the store is opened for writing.
///
/// # Errors
/// What the system says: the store must not be written to.
pub(super) fn keep<F: Fs>(
    fs: &F,
    data_dir: &Path,
    known: &MissingTables,
    inventory: &Inventory,
) -> io::Result<()> {
    let faults = inventory.faults.iter();
    let missing = faults.filter(|fault| fault.reason == Reason::Missing);
    let tables: BTreeSet<TableName> = missing
        .filter_map(|fault| name(fault.table.as_ref()?))
        .collect();
    let path = path(data_dir);
    if tables.is_empty() {
        if known.there {
            fs.remove(&path)?;
            fs.sync_dir(data_dir)?;
        }
        return Ok(());
    }
    if tables == known.tables {
        return Ok(());
    }
    let new = data_dir.join(NEW);
    if fs.exists(&new)? {
        fs.remove(&new)?;
    }
    let file = fs.create(&new)?;
    file.write_all_at(0, encode(&tables).as_bytes())?;
    file.sync_data()?;
    fs.rename(&new, &path)?;
    fs.sync_dir(data_dir)
}

/// Where it stands.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

fn encode(tables: &BTreeSet<TableName>) -> String {
    let lines = tables
        .iter()
        .map(|(number, [first, second])| format!("table {number} {first:016x} {second:016x}\n"));
    let text = HEAD.to_owned() + &lines.collect::<String>();
    let check = crc32fast::hash(text.as_bytes());
    format!("{text}check {check:08x}\n")
}

fn decode(bytes: &[u8]) -> Option<BTreeSet<TableName>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let lines = text.strip_prefix(HEAD)?.lines();
    let word = |text: &str| u64::from_str_radix(text, 16).ok();
    let tables = lines
        .filter_map(|line| line.strip_prefix("table "))
        .map(|line| {
            let mut fields = line.split(' ');
            let number = fields.next()?.parse().ok()?;
            Some((number, [word(fields.next()?)?, word(fields.next()?)?]))
        })
        .collect::<Option<BTreeSet<TableName>>>()?;
    // The text of what was read is all that counts: every other byte makes it another text.
    (encode(&tables) == text).then_some(tables)
}

#[cfg(test)]
mod tests;
