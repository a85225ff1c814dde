//! That every entry of a data directory is what it should be: looked at before any of them is opened, because a pipe would
//! hold the start for ever, and because a start that fails half-way has changed something.
//!
//! Links are followed, as people move `wal/` to another disk so, but not in the place of locks and markers, which speak of
//! the directory they stand in; a link that leads nowhere is as wrong as a pipe: what would
//! be made in its place may lie on a disk that is not mounted now. Missing entries are the judgement's affair. So is a table
//! whose place a directory, a socket or such a link has taken: the store is served around it, as around a missing one.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};
use wal::fs::OsFs;

use super::error::{DataDirError, failed};
use crate::node::{identity_file, missing_file, reserve, store_pointer, witness_file};

const BRING_BACK: &str = "Move it away and bring back the one that belongs here; or put back a copy of the whole directory \
                          that was made while the node was stopped";
const MOVE_AWAY: &str = "Move it away, and start again: nothing is lost with it";
/// A unique id as text; longer than it ever is. RocksDB reads the whole file.
const IDENTITY_BYTES: u64 = 4096;

/// What an entry should be, and what helps where it is not.
#[derive(Clone, Copy)]
struct Wanted {
    directory: bool,
    /// Whether something else is better told by who serves around it.
    table: bool,
    access: Access,
    advice: &'static str,
}

const NOTHING: Access = Access::EXISTS;
const READ: Access = Access::READ_OK;

const fn file(access: Access, advice: &'static str) -> Wanted {
    Wanted {
        directory: false,
        table: false,
        access,
        advice,
    }
}

/// Looks at every entry that a start may open.
pub(super) fn check(data_dir: &Path) -> Result<(), DataDirError> {
    let write = READ | Access::WRITE_OK;
    let directory = Wanted {
        directory: true,
        access: write | Access::EXEC_OK,
        ..file(READ, BRING_BACK)
    };
    for (name, wanted) in [
        (super::lock::LOCK, file(write, MOVE_AWAY)),
        (identity_file::NAME, file(READ, BRING_BACK)),
        (witness_file::NAME, file(write, BRING_BACK)),
        (missing_file::NAME, file(READ, BRING_BACK)),
        (store_pointer::NAME, file(READ, BRING_BACK)),
        (reserve::NAME, file(NOTHING, MOVE_AWAY)),
        ("wal", directory),
        (store_pointer::FIRST, directory),
    ] {
        let path = data_dir.join(name);
        if !wanted.directory {
            refuse_link(&path, wanted.advice)?;
        }
        look(&path, wanted)?;
    }
    each(&data_dir.join("wal"), |name| {
        match name.split_once('.')? {
            (number, "wal") if is_number(number) => Some(file(write, BRING_BACK)),
            (number, "spare") if is_number(number) => Some(file(write, MOVE_AWAY)),
            _ => None,
        }
    })?;
    let store = store_pointer::directory(&OsFs, data_dir);
    look(&store, directory)?;
    for (name, advice) in [
        ("LOCK", MOVE_AWAY),
        ("CURRENT", BRING_BACK),
        ("IDENTITY", MOVE_AWAY),
    ] {
        refuse_link(&store.join(name), advice)?;
    }
    each(&store, in_store)?;
    refuse_long(&store.join("IDENTITY"))
}

/// Names with anything else in them are left alone by the log.
fn is_number(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    text.bytes().all(digit)
}

/// Whether the log or the store makes files of this name.
pub(in crate::node) fn is_made(directory: &str, name: &str) -> bool {
    match directory {
        "wal" => wal::is_own_file(name),
        _ => in_store(name).is_some(),
    }
}

fn in_store(name: &str) -> Option<Wanted> {
    let made_anew = ["LOG.old.", "OPTIONS-"];
    let left_over = [".log", ".dbtmp", ".blob"];
    match name {
        "CURRENT" => Some(file(READ, BRING_BACK)),
        "IDENTITY" => Some(file(READ, MOVE_AWAY)),
        "LOCK" => Some(file(READ | Access::WRITE_OK, MOVE_AWAY)),
        "LOG" => Some(file(NOTHING, MOVE_AWAY)),
        _ if name.starts_with("MANIFEST-") => Some(file(READ, BRING_BACK)),
        _ if name.ends_with(".sst") => Some(Wanted {
            table: true,
            ..file(READ, BRING_BACK)
        }),
        _ if made_anew.iter().any(|start| name.starts_with(start))
            || left_over.iter().any(|end| name.ends_with(end)) =>
        {
            Some(file(NOTHING, MOVE_AWAY))
        }
        _ => None,
    }
}

fn each(directory: &Path, wanted: impl Fn(&str) -> Option<Wanted>) -> Result<(), DataDirError> {
    let failed = |source| failed("cannot list", directory)(source);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let text = name.to_string_lossy();
        // Nobody names a file so but who wants to write into the log: no part opens it, and the store tells it.
        let plain = !text.chars().any(char::is_control);
        if let Some(wanted) = wanted(&text).filter(|_| plain) {
            look(&directory.join(&name), wanted)?;
        }
    }
    Ok(())
}

fn look(path: &Path, wanted: Wanted) -> Result<(), DataDirError> {
    let found = match fs::metadata(path) {
        Ok(found) if found.is_dir() == wanted.directory && (found.is_dir() || found.is_file()) => {
            return may(path, wanted.access);
        }
        Ok(found) if wanted.table && !opening_waits(&found) => return Ok(()),
        Ok(found) if found.is_dir() => "a directory",
        Ok(found) if found.is_file() => "a file",
        Ok(_) => "neither a file nor a directory",
        Err(error) if leads_nowhere(&error) => {
            let gone = error.kind() == io::ErrorKind::NotFound;
            if (wanted.table && gone) || fs::symlink_metadata(path).is_err() {
                return Ok(());
            }
            "a link that leads nowhere (to a disk that is not mounted?)"
        }
        Err(error) => return Err(failed("cannot look at", path)(error)),
    };
    Err(DataDirError::Misplaced {
        path: path.to_owned(),
        found,
        expected: match wanted.directory {
            true => "a directory",
            false => "a file",
        },
        advice: wanted.advice,
    })
}

/// Locks and markers say something about this directory: one that lies elsewhere may belong to another.
fn refuse_link(path: &Path, advice: &'static str) -> Result<(), DataDirError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(DataDirError::Misplaced {
            path: path.to_owned(),
            found: "a link",
            expected: "a file",
            advice,
        }),
        _ => Ok(()),
    }
}

fn leads_nowhere(error: &io::Error) -> bool {
    let is_loop = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    is_loop || error.kind() == io::ErrorKind::NotFound
}

/// Whether opening it may wait for somebody else, or do anything at all: a pipe, a device.
fn opening_waits(found: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    !(found.is_dir() || found.file_type().is_socket())
}

/// Only a missing right is told here, with what to do about it; the rest shows when it is tried.
fn may(path: &Path, wanted: Access) -> Result<(), DataDirError> {
    use rustix::io::Errno;
    // The second is the answer for an immutable file.
    let refused = |wanted| {
        let errno = access(path, wanted).err()?;
        matches!(errno, Errno::ACCESS | Errno::PERM).then_some(errno)
    };
    if wanted.contains(READ)
        && let Some(errno) = refused(READ)
    {
        return Err(failed("cannot read", path)(errno.into()));
    }
    match refused(wanted) {
        Some(errno) => Err(failed("cannot write to", path)(errno.into())),
        None => Ok(()),
    }
}

fn refuse_long(path: &Path) -> Result<(), DataDirError> {
    match fs::metadata(path) {
        Ok(found) if found.len() > IDENTITY_BYTES => Err(DataDirError::TooLong {
            path: path.to_owned(),
            bytes: found.len(),
            advice: MOVE_AWAY,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
