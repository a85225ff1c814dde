//! Files that are of no use and could not be removed. Guarantees that they do not pile up: each is tried again
//! before another file is made, and beyond a bound no other file is made.
//!
//! What a process leaves behind when it ends is found by the next open: `*.tmp` files and surplus spares.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Context, Error};
use crate::fs::Fs;

/// One that stays must not stop the log; ever more of them would fill the disk.
const LEFTOVERS_MAX: usize = 8;

/// The files of one log directory that are still to be removed. The lock is never held across a file
/// operation.
#[derive(Default)]
pub(crate) struct Leftovers(Mutex<Vec<PathBuf>>);

impl Leftovers {
    fn lock(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a file that nothing needs any more, now or later.
    pub(crate) fn discard<F: Fs>(&self, fs: &F, path: PathBuf) {
        if !is_gone(&fs.remove(&path)) {
            self.lock().push(path);
        }
    }

    /// Tries again what could not be removed; an error when too much is left to make another file.
    pub(crate) fn sweep<F: Fs>(&self, fs: &F) -> Result<(), Error> {
        let paths = std::mem::take(&mut *self.lock());
        let mut failed = None;
        for path in paths {
            let removed = fs.remove(&path);
            if !is_gone(&removed) {
                failed = Some((removed, path.clone()));
                self.lock().push(path);
            }
        }
        match failed {
            Some((removed, path)) if self.lock().len() >= LEFTOVERS_MAX => {
                removed.context("remove", &path)
            }
            _ => Ok(()),
        }
    }
}

fn is_gone(removed: &std::io::Result<()>) -> bool {
    match removed {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}
