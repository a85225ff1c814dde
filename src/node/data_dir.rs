//! The data directory: whose it is, which format it has, and that only one process uses it.
//!
//! | entry | content |
//! |---|---|
//! | `LOCK` | locked (flock) by the running process; holds its process id for the operator |
//! | `FORMAT` | one line: `etcd2 data directory, format 1` |
//! | `wal/` | the log (crate `wal`) |
//! | `store/` | the tree (crate `storage`) |
//!
//! Anything else that looks like data of another program is refused before a byte is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

const FORMAT_PREFIX: &str = "etcd2 data directory, format ";
const FORMAT: u32 = 1;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The operating system refuses.
    #[error("{operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the data directory {path} is in use by process {holder}: stop that process, or give this one another --data-dir"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// What the lock file says.
        holder: String,
    },
    /// It belongs to another program or version.
    #[error("the data directory {path} is not ours: {found}. {advice}")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What was found there.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// Written by a newer version of this program.
    #[error(
        "the data directory {path} has format {found}, this version knows {FORMAT}: start it with the newer version"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
}

/// A locked data directory. The lock ends with the process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates (mode 0700), checks and locks.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let io = |operation, path: &Path| {
            let path = path.to_owned();
            move |source| DataDirError::Io {
                operation,
                path,
                source,
            }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io("cannot create", path))?;
        sync_parents(path).map_err(io("cannot sync the parents of", path))?;
        refuse_foreign(path)?;
        let lock = lock(path)?;
        let format = path.join("FORMAT");
        match fs::read_to_string(&format) {
            Ok(text) => check_format(path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_format(path, &format).map_err(io("cannot write", &format))?;
            }
            Err(error) => return Err(io("cannot read", &format)(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the log is.
    pub fn wal(&self) -> PathBuf {
        self.path.join("wal")
    }

    /// Where the tree is.
    pub fn store(&self) -> PathBuf {
        self.path.join("store")
    }
}

/// The marks of the originals (cluster-and-config 1.5), and of anything that is not a data directory at all.
fn refuse_foreign(path: &Path) -> Result<(), DataDirError> {
    const IMPORT: &str = "Export its keys with the old version and import them here, and give this server a new, \
                          empty --data-dir";
    let foreign = |found: &str, advice| {
        Err(DataDirError::Foreign {
            path: path.to_owned(),
            found: found.to_owned(),
            advice,
        })
    };
    if path.join("member").exists() {
        return foreign("it holds data of etcd 2.x or 3.x (member/)", IMPORT);
    }
    if path.join("proxy").exists() {
        return foreign("it holds the state of an etcd proxy (proxy/)", IMPORT);
    }
    if path.join("log").is_file() && (path.join("conf").exists() || path.join("snapshot").exists())
    {
        return foreign("it holds data of etcd 0.4 (log, conf)", IMPORT);
    }
    let ours = path.join("FORMAT").exists();
    let half = path.join("wal").exists() || path.join("store").exists();
    if !ours && half {
        let advice =
            "If it was ours, restore the FORMAT file from a backup; else choose another --data-dir";
        return foreign("it has wal/ or store/ and no FORMAT file", advice);
    }
    Ok(())
}

/// The directory's own name must survive a power loss as well, and those of the parents that were made with it.
fn sync_parents(path: &Path) -> io::Result<()> {
    let whole = std::path::absolute(path)?;
    for parent in whole.ancestors().skip(1).take(2) {
        match File::open(parent).and_then(|directory| directory.sync_all()) {
            // A parent that may not be read was not made by us.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let name = path.join("LOCK");
    let io = |source: io::Error| DataDirError::Io {
        operation: "cannot lock",
        path: name.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // The holder's id is a help only: without it the message says "unknown".
            let _ = file.read_to_string(&mut holder);
            let holder = if holder.trim().is_empty() {
                "unknown"
            } else {
                holder.trim()
            };
            return Err(DataDirError::InUse {
                path: path.to_owned(),
                holder: holder.to_owned(),
            });
        }
        Err(errno) => return Err(io(errno.into())),
    }
    file.set_len(0).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    Ok(file)
}

fn check_format(path: &Path, text: &str) -> Result<(), DataDirError> {
    let number = text
        .trim_end()
        .strip_prefix(FORMAT_PREFIX)
        .and_then(|rest| rest.parse::<u32>().ok());
    match number {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => Err(DataDirError::Newer {
            path: path.to_owned(),
            found,
        }),
        _ => Err(DataDirError::Foreign {
            path: path.to_owned(),
            found: format!(
                "its FORMAT file says {:?}",
                text.trim_end().chars().take(60).collect::<String>()
            ),
            advice: "Restore the file from a backup, or choose another --data-dir",
        }),
    }
}

/// Written under another name, synced and renamed: a crash leaves the whole file or none.
fn write_format(directory: &Path, format: &Path) -> io::Result<()> {
    let new = directory.join("FORMAT.new");
    let mut file = File::create(&new)?;
    writeln!(file, "{FORMAT_PREFIX}{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&new, format)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    #[test]
    fn a_new_directory_is_marked_and_opens_again() {
        let dir = scratch();
        let path = dir.path().join("data");
        drop(DataDir::open(&path).expect("created"));
        let text = fs::read_to_string(path.join("FORMAT")).expect("marked");
        assert_eq!(text, "etcd2 data directory, format 1\n");
        DataDir::open(&path).expect("opens again");
    }

    #[test]
    fn a_second_user_is_told_who_has_it() {
        let dir = scratch();
        let _first = DataDir::open(dir.path()).expect("created");
        let error = DataDir::open(dir.path()).expect_err("in use").to_string();
        assert!(
            error.contains(&format!("in use by process {}", std::process::id())),
            "{error}"
        );
    }

    #[test]
    fn foreign_and_newer_directories_are_refused_untouched() {
        let cases: [(&str, &str); 4] = [
            ("member/wal", "etcd 2.x or 3.x"),
            ("proxy/cluster", "etcd proxy"),
            ("store", "no FORMAT file"),
            ("wal", "no FORMAT file"),
        ];
        for (entry, expected) in cases {
            let dir = scratch();
            fs::create_dir_all(dir.path().join(entry)).expect("made");
            let error = DataDir::open(dir.path()).expect_err(entry).to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!dir.path().join("LOCK").exists() && !dir.path().join("FORMAT").exists());
        }
        let dir = scratch();
        fs::write(
            dir.path().join("FORMAT"),
            "etcd2 data directory, format 2\n",
        )
        .expect("made");
        let error = DataDir::open(dir.path()).expect_err("newer").to_string();
        assert!(
            error.contains("has format 2, this version knows 1"),
            "{error}"
        );
        fs::write(dir.path().join("FORMAT"), "nonsense").expect("made");
        let error = DataDir::open(dir.path()).expect_err("damaged").to_string();
        assert!(error.contains("says \"nonsense\""), "{error}");
    }
}
