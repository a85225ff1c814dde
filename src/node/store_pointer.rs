//! Which directory is the store: the file `STORE` in the data directory. Without it, it is `store`.
//!
//! An installed snapshot is built as a directory of its own, `store-1`, `store-2` and so on; this file is what makes it the
//! store. Text, so that an operator can read it:
//!
//! ```text
//! etcd2 store, format 1
//! directory store-1
//! check 3a3898e1              CRC-32 of all lines before it, hexadecimal
//! ```
//!
//! | step of [`switch`] | process or power fails before it | after it |
//! |---|---|---|
//! | write and sync `STORE.new` | the old store | the old store: the name means nothing |
//! | rename | the old store | the new one, or after a power loss the old one: both are whole |
//! | sync the directory | as before | the new store, for good |
//! | remove the directory of the old store, once nothing reads it | it is left over | done |
//!
//! What is left over is removed by the next start whose judgement chose the store, and which may write to it. Until then a
//! copy of the state may still be of use to an operator.

use std::io;
use std::path::{Path, PathBuf};

use wal::fs::{File, Fs};

#[cfg(test)]
use super::planted::{PlantedMistake, is_planted};

/// Its name in the data directory.
pub(super) const NAME: &str = "STORE";
const NEW: &str = "STORE.new";
const HEAD: &str = "etcd2 store, format 1\ndirectory ";
/// The directory of the store without such a file.
pub(super) const FIRST: &str = "store";
const NUMBERED: &str = "store-";
/// A file of ours is far shorter; of a longer one, no more is read.
const BYTES_MAX: usize = 256;

/// What stands in a data directory in the place of the pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FoundPointer {
    /// The name of the store's directory.
    To(String),
    /// Something else, and why.
    Damaged(&'static str),
}

fn encode(name: &str) -> String {
    let text = format!("{HEAD}{name}\n");
    let check = crc32fast::hash(text.as_bytes());
    format!("{text}check {check:08x}\n")
}

fn decode(bytes: &[u8]) -> FoundPointer {
    let text = std::str::from_utf8(bytes).ok();
    let Some(rest) = text.and_then(|text| text.strip_prefix(HEAD)) else {
        return FoundPointer::Damaged("its first lines are not ours");
    };
    let name = rest.lines().next().unwrap_or_default();
    if !is_store(name) {
        return FoundPointer::Damaged("it names no directory of a store");
    }
    // The text of what was read is all that counts: every other byte makes it another text.
    if encode(name).as_bytes() != bytes {
        return FoundPointer::Damaged("its check does not match its lines");
    }
    FoundPointer::To(name.to_owned())
}

/// Whether a directory of this name may be the store.
pub(super) fn is_store(name: &str) -> bool {
    name == FIRST || number(name).is_some()
}

/// The number of a directory that a snapshot was installed in.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(NUMBERED)?;
    let number: u64 = digits.parse().ok().filter(|number| *number > 0)?;
    (number.to_string() == digits).then_some(number)
}

/// Looks at the file of a data directory and changes nothing.
///
/// # Errors
/// What the system says, if it is anything but that there is no such file.
pub(super) fn read<F: Fs>(fs: &F, data_dir: &Path) -> io::Result<FoundPointer> {
    let file = match fs.open_read(&path(data_dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(FoundPointer::To(FIRST.to_owned()));
        }
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; BYTES_MAX];
    let filled = file.read_full_at(0, &mut bytes)?;
    Ok(decode(&bytes[..filled]))
}

/// The directory of the store, as far as anybody can tell: for who only looks at it.
pub(super) fn directory<F: Fs>(fs: &F, data_dir: &Path) -> PathBuf {
    match read(fs, data_dir) {
        Ok(FoundPointer::To(name)) => data_dir.join(name),
        Ok(FoundPointer::Damaged(_)) | Err(_) => data_dir.join(FIRST),
    }
}

/// A name that no store in this directory has or had: the number after the highest.
pub(super) fn next_name<F: Fs>(fs: &F, data_dir: &Path) -> io::Result<String> {
    let mut highest = 0;
    if let FoundPointer::To(name) = read(fs, data_dir)? {
        highest = number(&name).unwrap_or(0);
    }
    let found = stores(data_dir)?;
    let found = found.iter().filter_map(|name| number(name)).max();
    let next = highest.max(found.unwrap_or(0)).saturating_add(1);
    Ok(format!("{NUMBERED}{next}"))
}

/// Makes `name` the store, durably: see the steps at the module's head. Its directory must be durable before.
///
/// # Errors
/// What the system says: the old store, or if only the last step failed, one of both.
pub(super) fn switch<F: Fs>(fs: &F, data_dir: &Path, name: &str) -> io::Result<()> {
    if !is_store(name) {
        return Err(io::Error::other(format!("{name:?} is no name of a store")));
    }
    let new = data_dir.join(NEW);
    if fs.exists(&new)? {
        fs.remove(&new)?;
    }
    let file = fs.create(&new)?;
    file.write_all_at(0, encode(name).as_bytes())?;
    file.sync_data()?;
    fs.rename(&new, &path(data_dir))?;
    make_durable(fs, data_dir)
}

fn make_durable<F: Fs>(fs: &F, data_dir: &Path) -> io::Result<()> {
    #[cfg(test)]
    if is_planted(PlantedMistake::PointerNotSynced) {
        return Ok(());
    }
    fs.sync_dir(data_dir)
}

/// The directories that are or were to be a store, in the order of their names. RocksDB needs a real file system.
pub(super) fn stores(data_dir: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data_dir)? {
        let name = entry?.file_name();
        found.extend(
            name.to_str()
                .filter(|name| is_store(name))
                .map(str::to_owned),
        );
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes every store but `chosen`, which was judged, and may be written to. What cannot be removed is told and stays: it
/// is asked for again at the next start.
///
/// A process that ended between the rename of the pointer and the sync after it left one that is seen and not durable: a power
/// loss would bring back the pointer to what is removed here. So it is made durable first, or nothing is removed.
pub(super) fn remove_others<F: Fs>(fs: &F, data_dir: &Path, chosen: &Path) {
    let mut others = stores(data_dir).unwrap_or_default();
    others.retain(|name| data_dir.join(name) != chosen);
    if others.is_empty() {
        return;
    }
    if let Err(error) = make_durable(fs, data_dir) {
        tracing::error!(
            "{} cannot be synced: {error}; stores that are not needed stay until the next start",
            data_dir.display()
        );
        return;
    }
    for path in others.iter().map(|name| data_dir.join(name)) {
        match remove(&path) {
            Ok(()) => tracing::warn!(
                "{} is removed: {} is the store, and this one was given up for it, or never finished",
                path.display(),
                chosen.display()
            ),
            Err(error) => tracing::error!(
                "{} is not the store any more and cannot be removed: {error}; remove it by hand",
                path.display()
            ),
        }
    }
}

/// Removes the directory of a store that nobody has open. Of a link what it leads to stays.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path)?.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    }
}

/// Where it stands.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

#[cfg(test)]
mod tests;
