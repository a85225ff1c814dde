//! A file system in memory that knows what was synced. Guarantees that the same seed and the same calls
//! lose, tear and fail the same things.
//!
//! ```
//! use std::path::Path;
//! use wal::fs::{File, Fs, sim::SimFs};
//!
//! let disk = SimFs::new(7);
//! disk.create_dir_all(Path::new("/log"))?;
//! let file = disk.create(Path::new("/log/a"))?;
//! file.write_all_at(0, b"synced")?;
//! file.sync_data()?;
//! disk.sync_dir(Path::new("/log"))?;
//! file.write_all_at(0, b"lost??")?;
//! disk.power_loss(1); // the handle is dead from here on
//! assert!(disk.exists(Path::new("/log/a"))?);
//! # Ok::<(), std::io::Error>(())
//! ```

mod call;
mod disk;
mod fault;
mod names;
mod random;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use call::{SimDirectory, SimFile};
use disk::Inode;
pub use fault::Fault;
use fault::{Plan, Verdict, error_of};
use names::Names;
pub use random::SplitMix64;

/// The simulated file system; clones share one disk, [`SimFs::fork`] copies it.
#[derive(Clone, Debug)]
pub struct SimFs(Arc<Mutex<State>>);

#[derive(Clone, Debug)]
struct State {
    names: Names,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    /// Number of the next write, which orders unsynced sector versions.
    writes: u64,
    /// Handles of an earlier generation belong to a machine that has lost power.
    generation: u64,
    entropy: SplitMix64,
    plan: Plan,
    capacity: Option<u64>,
}

impl SimFs {
    /// An empty disk; `seed` feeds [`Fs::entropy`](super::Fs::entropy) only.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            names: Names::default(),
            inodes: BTreeMap::new(),
            next_inode: 1,
            writes: 1,
            generation: 0,
            entropy: SplitMix64::new(seed),
            plan: Plan::default(),
            capacity: None,
        })))
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

    /// How many operations (every call of the seam but [`Fs::entropy`](super::Fs::entropy)) were made so far.
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
    pub fn fail_operation(&self, n: u64, fault: Fault) {
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
    pub fn fail_writes(&self, fault: Fault) {
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn start_over(&mut self) {
        self.generation += 1;
        let kept = self.names.reachable();
        self.inodes.retain(|inode, _| kept.contains(inode));
    }

    /// Counts an operation that reads.
    fn reading(&mut self) -> io::Result<()> {
        self.operation(false)
    }

    /// Counts an operation that changes a file or a name, a data write apart.
    fn changing(&mut self) -> io::Result<()> {
        self.operation(true)
    }

    fn operation(&mut self, writes: bool) -> io::Result<()> {
        match self.plan.next_operation(writes) {
            Verdict::Proceed | Verdict::Fail(Fault::ShortWrite) => Ok(()),
            Verdict::Fail(fault) => Err(error_of(fault)),
        }
    }

    fn used(&self) -> u64 {
        let lengths = self.names.inodes().filter_map(|id| self.inodes.get(&id));
        lengths.map(Inode::len).sum()
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        self.names.inode(path).ok_or_else(not_found)
    }

    fn write(&mut self, inode: u64, offset: u64, data: &[u8]) -> io::Result<usize> {
        let verdict = self.plan.next_operation(true);
        let half = data.len() / 2;
        let (allowed, then) = match verdict {
            Verdict::Proceed => self.within_capacity(inode, offset, data.len()),
            Verdict::Fail(Fault::ShortWrite) => (half.max(1).min(data.len()), None),
            Verdict::Fail(Fault::TornWrite) => (half, Some(Fault::TornWrite)),
            Verdict::Fail(fault) => (0, Some(fault)),
        };
        let number = self.writes;
        self.writes += 1;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let file = self.inodes.get_mut(&inode).ok_or_else(not_found)?;
        file.write(start, &data[..allowed], number);
        match then {
            Some(fault) => Err(error_of(fault)),
            None => Ok(allowed),
        }
    }

    /// How much of a write fits, and the error when nothing does. As a real disk: short first, then full.
    fn within_capacity(&self, inode: u64, offset: u64, len: usize) -> (usize, Option<Fault>) {
        let Some(capacity) = self.capacity else {
            return (len, None);
        };
        let current = self.inodes.get(&inode).map_or(0, Inode::len);
        let free = capacity.saturating_sub(self.used());
        let room = (current + free).saturating_sub(offset);
        let allowed = usize::try_from(room).unwrap_or(usize::MAX).min(len);
        let full = allowed == 0 && len > 0;
        (allowed, full.then_some(Fault::NoSpace))
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}
