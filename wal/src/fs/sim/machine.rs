//! A simulated machine: what a test does to it from outside. Guarantees that looking and planning count as no operation
//! of the file system.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::SimFault;
use super::random::SplitMix64;
use super::state::SimDisk;

/// The simulated file system; clones share one disk, [`SimFs::fork`] copies it.
#[derive(Clone, Debug)]
pub struct SimFs(Arc<Mutex<SimDisk>>);

impl SimFs {
    /// An empty disk; `seed` feeds [`Fs::entropy`](crate::fs::Fs::entropy) only.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SimDisk::new(seed))))
    }

    /// An independent copy of the disk as it is now, with its unsynced state and planned faults.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Cuts the power: what was not synced is dropped, torn or reordered as `seed` says; open handles
    /// die, planned faults are forgotten.
    pub fn power_loss(&self, seed: u64) {
        let mut random = SplitMix64::new(seed);
        let state = &mut *self.state();
        state.names.power_loss(&mut random);
        for inode in state.inodes.values_mut() {
            inode.power_loss(&mut random);
        }
        state.plan.clear();
        state.start_over();
    }

    /// Ends the process and nothing else: the page cache survives, open handles die, planned faults
    /// stay.
    pub fn restart(&self) {
        self.state().start_over();
    }

    /// Everything written so far becomes durable, as if the machine had gone on for long enough.
    pub fn settle(&self) {
        let state = &mut *self.state();
        state.names.settle();
        for inode in state.inodes.values_mut() {
            let content = inode.content().to_vec();
            inode.replace(content);
        }
    }

    /// How many operations (every call of the seam but [`Fs::entropy`](crate::fs::Fs::entropy)) were made so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().plan.operations
    }

    /// How many file and directory syncs were made so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().plan.syncs
    }

    /// The `n`-th operation from now (1 = the next) fails once.
    pub fn fail_operation(&self, n: u64, fault: SimFault) {
        let plan = &mut self.state().plan;
        plan.fail_at(plan.operations + n, fault);
    }

    /// The `n`-th sync from now (1 = the next) fails once; later ones succeed but do not cover what
    /// the failed one covered.
    pub fn fail_sync(&self, n: u64) {
        let plan = &mut self.state().plan;
        plan.fail_sync_at(plan.syncs + n);
    }

    /// The `n`-th operation from now and all after it fail: the instant before a power loss.
    pub fn stop_at(&self, n: u64) {
        let plan = &mut self.state().plan;
        plan.stop_at(plan.operations + n);
    }

    /// Every operation that would change a file or a name fails so until [`SimFs::heal`].
    pub fn fail_writes(&self, fault: SimFault) {
        self.state().plan.fail_writes(Some(fault));
    }

    /// Runs `check` with planned faults and operation counting suspended: for a test's own looks.
    pub fn quietly<T>(&self, check: impl FnOnce() -> T) -> T {
        self.state().plan.suspend(true);
        let result = check();
        self.state().plan.suspend(false);
        result
    }

    /// Forgets all planned faults and the capacity limit.
    pub fn heal(&self) {
        let state = &mut *self.state();
        state.plan.clear();
        state.capacity = None;
    }

    /// Limits the bytes of all named files; a write past it stores what fits, then reports a full disk.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Bytes held by all named files.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// Paths of all files, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.state().names.paths().cloned().collect()
    }

    /// Content of a file as the page cache has it, not counted as an operation.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.inodes.get(&state.names.inode(path)?)?;
        Some(inode.content().to_vec())
    }

    /// Damages a file behind everyone's back: what `change` leaves is both cached and durable.
    /// Returns false when there is no such file.
    pub fn corrupt(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let state = &mut *self.state();
        let Some(inode) = state.names.inode(path) else {
            return false;
        };
        let Some(inode) = state.inodes.get_mut(&inode) else {
            return false;
        };
        let mut content = inode.content().to_vec();
        change(&mut content);
        inode.replace(content);
        true
    }

    /// Flips one bit of a file; false when there is no such byte.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) -> bool {
        let mut flipped = false;
        self.corrupt(path, |content| {
            let byte = usize::try_from(offset)
                .ok()
                .and_then(|offset| content.get_mut(offset));
            if let Some(byte) = byte {
                *byte ^= 1 << (bit % 8);
                flipped = true;
            }
        });
        flipped
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SimDisk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
