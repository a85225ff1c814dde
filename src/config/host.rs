//! The machine as configuration sees it: files, host name, and whether a data directory already holds a member.
//!
//! It is a trait so that tests read from memory and never depend on the machine they run on.

use std::io;
use std::path::{Path, PathBuf};

/// Largest configuration or peers file that is read, in bytes: such files are written by hand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What reading a configuration asks of the machine.
pub trait Host {
    /// The bytes of a file of at most 1 MiB.
    ///
    /// # Errors
    ///
    /// The operating system's error, or `FileTooLarge`.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The host name, the default node name with 0.4's vocabulary.
    fn hostname(&self) -> String;

    /// The file that is read, when it exists, before any other source.
    fn system_file(&self) -> PathBuf;

    /// Whether `data_dir` holds a member already. Such a node restarts from disk, and every option about founding or
    /// discovering a cluster is out of force (cluster-and-config 1.5).
    fn holds_member(&self, data_dir: &Path) -> bool;
}

/// The machine this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Host for Machine {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let size = std::fs::metadata(path)?.len();
        if size > FILE_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!(
                    "{size} bytes, more than the {FILE_BYTES_MAX} a configuration file may have"
                ),
            ));
        }
        std::fs::read(path)
    }

    fn hostname(&self) -> String {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    }

    fn system_file(&self) -> PathBuf {
        PathBuf::from("/etc/etcd/etcd.conf")
    }

    fn holds_member(&self, data_dir: &Path) -> bool {
        // The identity file, or whatever is left of it, says so; so does a log without one. An empty log directory is a
        // start that was cut off before anything was founded.
        data_dir.join("FORMAT").exists()
            || std::fs::read_dir(data_dir.join("wal")).is_ok_and(|mut log| log.next().is_some())
    }
}
