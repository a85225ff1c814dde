//! The machine as configuration sees it: files, host name, and whether a data directory already holds a member.
//!
//! It is a trait so that tests read from memory and never depend on the machine they run on.

use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// Largest configuration or peers file that is read, in bytes: such files are written by hand.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How long a pipe may keep a start waiting for its next bytes.
const PIPE_SECONDS: i64 = 5;

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

    /// Whether nothing is at `data_dir`, or an empty directory.
    fn is_vacant(&self, data_dir: &Path) -> bool;
}

/// The machine this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Host for Machine {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Read and not asked for its length: a pipe and a device have none.
        let mut bytes = Vec::new();
        let mut file = std::fs::File::options()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)?;
        let mut piece = vec![0; 64 << 10];
        loop {
            wait_for(&file)?;
            let read = match file.read(&mut piece) {
                Ok(0) => return Ok(bytes),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            bytes.extend_from_slice(&piece[..read]);
            if bytes.len() as u64 > FILE_BYTES_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!(
                        "it has more than the {FILE_BYTES_MAX} bytes a configuration file may have"
                    ),
                ));
            }
        }
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

    fn is_vacant(&self, data_dir: &Path) -> bool {
        match std::fs::read_dir(data_dir) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

/// Waits until there is something to read, or the end: a pipe may have nobody who writes.
fn wait_for(file: &std::fs::File) -> io::Result<()> {
    let mut ready = [PollFd::new(file, PollFlags::IN)];
    let limit = Timespec {
        tv_sec: PIPE_SECONDS,
        tv_nsec: 0,
    };
    if poll(&mut ready, Some(&limit))? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("nothing came from this pipe or device for {PIPE_SECONDS} s"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_a_configuration_file_may_have() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("etcd.yml");
        let full = vec![b'#'; usize::try_from(FILE_BYTES_MAX).expect("a MiB")];
        std::fs::write(&path, &full).expect("written");
        assert_eq!(Machine.read(&path).expect("read").len(), full.len());
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::RWXU;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).expect("made");
        let writer = {
            let pipe = pipe.clone();
            // Ends when nobody reads any more.
            std::thread::spawn(move || std::fs::write(pipe, vec![b'#'; 2 << 20]))
        };
        std::fs::write(&path, [full, vec![b'#']].concat()).expect("written");
        for path in [path.as_path(), Path::new("/dev/zero"), &pipe] {
            let error = Machine.read(path).expect_err("too large");
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{path:?}");
            assert!(error.to_string().contains("1048576"), "{error}");
        }
        assert!(writer.join().expect("it ends").is_err());
    }
}
