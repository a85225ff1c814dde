//! The list of spares, shared by the log and the thread that makes them. Guarantees that no number is given twice.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::format::name::Name;
use crate::leftover::Leftovers;

/// One file that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spare {
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) reused: bool,
}

#[derive(Default)]
pub(super) struct SpareList {
    pub(super) ready: Vec<Spare>,
    pub(super) next_number: u64,
    /// The last attempt to make a spare failed for want of space.
    pub(super) space_low: bool,
    pub(super) stop: bool,
}

pub(super) struct SharedSpares {
    pub(super) state: Mutex<SpareList>,
    pub(super) changed: Condvar,
    pub(super) leftovers: Leftovers,
}

impl SharedSpares {
    pub(super) fn lock(&self) -> MutexGuard<'_, SpareList> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no file has had.
    pub(super) fn next_number(&self) -> u64 {
        let list = &mut *self.lock();
        let number = list.next_number;
        list.next_number += 1;
        number
    }
}

pub(super) fn spare_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(Name::Spare(number).to_string())
}
