//! A file system of its own for one test, small enough to be filled.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::absent;

/// Room for two log segments and the store, little more.
const DISK: &str = "size=320m";

/// A small file system in memory, unmounted when dropped.
pub(crate) struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// `None` when this process may not mount; says so.
    pub(crate) fn mount(directory: &Path) -> Option<Disk> {
        Disk::with(directory, DISK)
    }

    /// The same with room for so many files.
    pub(crate) fn with_inodes(directory: &Path, inodes: u32) -> Option<Disk> {
        Disk::with(directory, &format!("{DISK},nr_inodes={inodes}"))
    }

    fn with(directory: &Path, options: &str) -> Option<Disk> {
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(directory)
            .output();
        match output {
            Ok(output) if output.status.success() => Some(Disk {
                directory: directory.to_owned(),
            }),
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr).into_owned();
                absent::not_run(&format!(
                    "this process may not mount a file system: {reason}"
                ));
                None
            }
            Err(error) => {
                absent::not_run(&format!("mount cannot be started: {error}"));
                None
            }
        }
    }

    /// Takes all space that is left.
    ///
    /// # Panics
    /// When it cannot be taken.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("an empty file fits on the disk");
        pour(&mut ballast);
    }

    /// Makes empty files until no more can be made.
    ///
    /// # Panics
    /// When it is not for want of room that none can be made.
    pub(crate) fn fill_with_files(&self) {
        let directory = self.ballast();
        fs::create_dir(&directory).expect("there is room for one more");
        for number in 0.. {
            match File::create(directory.join(format!("{number}"))) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("no file can be made: {error}"),
            }
        }
    }

    /// Removes these files.
    ///
    /// # Panics
    /// When they were not made before.
    pub(crate) fn free_files(&self) {
        fs::remove_dir_all(self.ballast()).expect("the files can be removed");
    }

    /// Takes all space but `bytes`.
    ///
    /// # Panics
    /// When it cannot be taken.
    pub(crate) fn leave(&self, bytes: u64) {
        self.fill();
        let ballast = File::options().write(true).open(self.ballast());
        let ballast = ballast.expect("the ballast is there");
        let length = ballast.metadata().expect("it has a length").len();
        let shorter = ballast.set_len(length - bytes);
        shorter.expect("the ballast can be cut");
    }

    /// Takes what has become free since.
    ///
    /// # Panics
    /// When it was not filled before.
    pub(crate) fn fill_more(&self) {
        let ballast = File::options().append(true).open(self.ballast());
        let mut ballast = ballast.expect("the ballast is there");
        pour(&mut ballast);
    }

    /// Gives it back.
    ///
    /// # Panics
    /// When it was not filled before.
    pub(crate) fn free(&self) {
        fs::remove_file(self.ballast()).expect("the ballast can be removed");
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }
}

/// Writes until nothing more fits.
fn pour(ballast: &mut File) {
    let mut block = vec![0xa5; 1 << 20];
    while !block.is_empty() {
        match ballast.write(&block) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                block.truncate(block.len() / 2);
            }
            Err(error) => panic!("the disk cannot be filled: {error}"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that a failed test left running still holds files for a moment.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(&self.directory)
            .status();
    }
}
