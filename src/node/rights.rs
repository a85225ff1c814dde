//! The rights of what is in a data directory: its owner's alone, whatever the umask was when it was made.
//!
//! Values may be secrets, so what an earlier start, a restored copy or another tool left readable for others is narrowed.
//! Only entries that this program makes, and that belong to its user; the data directory itself is the operator's, who may
//! have given it to a group on purpose: nobody can read what is in it all the same. Who can write to it is told.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{data_dir, store_pointer};

/// Rights of group and others.
const OTHERS: u32 = 0o077;

/// What became of all of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    narrowed: usize,
    /// Entries that stay as wide as they were, and why the first does.
    wide: usize,
    reason: Option<String>,
}

/// Narrows what is wider than it should be, and says so in one line. Where that cannot be, the start goes on: the rights of
/// the data directory may be enough, and a file system without rights has none to narrow.
pub(super) fn narrow(data_dir: &Path) {
    let Tally {
        narrowed,
        wide,
        reason,
    } = tally(data_dir);
    let directory = data_dir.display();
    if fs::metadata(data_dir).is_ok_and(|found| found.mode() & 0o022 != 0) {
        tracing::warn!(
            "other users can change {directory}, and so put other files in the place of this node's: chmod go-w {directory}"
        );
    }
    if narrowed > 0 {
        tracing::warn!(
            "{narrowed} files and directories in {directory} could be read or changed by other users: now by their owner alone"
        );
    }
    let closed = fs::metadata(data_dir).is_ok_and(|found| !is_wide(&found));
    // Nobody else gets to them where the directory is closed.
    if wide > 0 && !closed {
        tracing::warn!(
            "{wide} files and directories in {directory} may be read or changed by other users, and that cannot be changed \
             ({}): close {directory} itself to them",
            reason
                .as_deref()
                .unwrap_or("the file system keeps no rights")
        );
    }
}

fn tally(data_dir: &Path) -> Tally {
    let mut tally = Tally::default();
    for name in ["LOCK", "FORMAT", "WITNESS", "MISSING", "RESERVE", "STORE"] {
        tally.look(&data_dir.join(name));
    }
    let stores = store_pointer::stores(data_dir).unwrap_or_default();
    for name in stores.iter().map(String::as_str).chain(["wal"]) {
        // A link in its place leads to a directory that is used as ours.
        let directory = data_dir.join(name);
        let Ok(directory) = fs::canonicalize(&directory) else {
            continue;
        };
        tally.look(&directory);
        // What cannot be listed is told by whoever needs it.
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if data_dir::is_made(name, &entry.file_name().to_string_lossy()) {
                tally.look(&entry.path());
            }
        }
    }
    tally
}

impl Tally {
    fn look(&mut self, path: &Path) {
        let Ok(found) = fs::symlink_metadata(path) else {
            return;
        };
        let ours = found.uid() == rustix::process::geteuid().as_raw();
        if !(found.is_file() || found.is_dir()) || !is_wide(&found) {
            return;
        }
        let done = match ours {
            true => set(path, &found),
            false => Err(io::Error::other("they belong to another user")),
        };
        match done {
            Ok(true) => self.narrowed += 1,
            Ok(false) => self.wide += 1,
            Err(error) => {
                self.wide += 1;
                self.reason.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

fn is_wide(found: &Metadata) -> bool {
    found.mode() & OTHERS != 0
}

/// Whether the file system took it: some say yes and keep what was.
fn set(path: &Path, found: &Metadata) -> io::Result<bool> {
    let mode = found.mode() & 0o7777 & !OTHERS;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(!is_wide(&fs::symlink_metadata(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("it is there").mode() & 0o777
    }

    #[test]
    fn what_is_ours_is_narrowed_once_and_nothing_else_is_touched() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| scratch.path().join(name);
        let elsewhere = tempfile::tempdir().expect("a temporary directory");
        std::os::unix::fs::symlink(elsewhere.path(), at("wal")).expect("made");
        fs::create_dir(at("store")).expect("made");
        for directory in [&at("store"), elsewhere.path()] {
            fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("set");
        }
        let segment = elsewhere
            .path()
            .join("0000000000000001-0000000000000001.wal");
        let stray = at("store/notes~");
        let foreign = elsewhere.path().join("link");
        let target = at("notes");
        for path in [&at("LOCK"), &at("store/1.sst"), &segment, &target, &stray] {
            fs::write(path, "").expect("written");
            fs::set_permissions(path, Permissions::from_mode(0o664)).expect("set");
        }
        std::os::unix::fs::symlink(&target, &foreign).expect("made");
        let expected = Tally {
            narrowed: 5,
            ..Tally::default()
        };
        assert_eq!(tally(scratch.path()), expected);
        assert_eq!(mode(&at("store")), 0o700);
        for path in [at("LOCK"), at("store/1.sst"), segment] {
            assert_eq!(mode(&path), 0o600, "{path:?}");
        }
        assert_eq!((mode(&target), mode(&stray)), (0o664, 0o664));
        assert_eq!(tally(scratch.path()), Tally::default());
    }
}
