//! What may stand in the place of a data directory of ours: no directory at all, or the data of an original.

use std::fs;
use std::path::Path;

use super::error::DataDirError;
use crate::node::identity_file;

/// Something else stands where the directory should be.
pub(super) fn refuse_occupied(path: &Path) -> Result<(), DataDirError> {
    let found = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(found) if found.is_file() => "a file",
        Ok(_) => "neither a file nor a directory",
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) => {
            "a link that leads nowhere (to a disk that is not mounted?)"
        }
        // Not there, or what is wrong shows when it is made.
        Err(_) => return Ok(()),
    };
    Err(DataDirError::Occupied {
        path: path.to_owned(),
        found,
    })
}

/// The marks of the originals (cluster-and-config 1.5).
pub(super) fn refuse_foreign(path: &Path) -> Result<(), DataDirError> {
    const IMPORT: &str = "Export its keys with the old version and load them here with 'etcdctl import', and give this \
                          server a new, empty --data-dir";
    let foreign = |found: &str| {
        Err(DataDirError::Foreign {
            path: path.to_owned(),
            found: found.to_owned(),
            advice: IMPORT,
        })
    };
    if path.join("member").exists() {
        return foreign("it holds data of etcd 2.x or 3.x (member/)");
    }
    if path.join("snap").is_dir() && !path.join(identity_file::NAME).exists() {
        return foreign(
            "it holds the log and the snapshots of etcd 2.x or 3.x (snap/, the inside of member/)",
        );
    }
    if path.join("proxy").exists() {
        return foreign("it holds the state of an etcd proxy (proxy/)");
    }
    if path.join("log").is_file() && (path.join("conf").exists() || path.join("snapshot").exists())
    {
        return foreign("it holds data of etcd 0.4 (log, conf)");
    }
    // A copy may lack some of it. Beside data of ours the names mean nothing.
    let is_new = !path.join(identity_file::NAME).exists() && !path.join("wal").exists();
    let parts = ["conf", "standby_info"].map(|name| path.join(name).is_file());
    if is_new && (parts.contains(&true) || holds_snapshot_of_0_4(&path.join("snapshot"))) {
        return foreign("it holds a part of the data of etcd 0.4 (conf, standby_info or snapshot)");
    }
    Ok(())
}

fn holds_snapshot_of_0_4(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory);
    let is_one = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|end| end == "ss");
    entries.into_iter().flatten().flatten().any(is_one)
}
