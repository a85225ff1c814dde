//! The state of a simulated machine's disk. Guarantees that every operation is counted once and meets the fault that is
//! planned for it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::disk::Inode;
use super::fault::{Plan, SimFault, Verdict, error_of};
use super::names::Names;
use super::random::SplitMix64;

#[derive(Clone, Debug)]
pub(super) struct SimDisk {
    pub(super) names: Names,
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) next_inode: u64,
    /// Number of the next write, which orders unsynced sector versions.
    pub(super) writes: u64,
    /// Handles of an earlier generation belong to a machine that has lost power.
    pub(super) generation: u64,
    pub(super) entropy: SplitMix64,
    pub(super) plan: Plan,
    pub(super) capacity: Option<u64>,
}

impl SimDisk {
    /// An empty disk.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            names: Names::default(),
            inodes: BTreeMap::new(),
            next_inode: 1,
            writes: 1,
            generation: 0,
            entropy: SplitMix64::new(seed),
            plan: Plan::default(),
            capacity: None,
        }
    }

    pub(super) fn start_over(&mut self) {
        self.generation += 1;
        let kept = self.names.reachable();
        self.inodes.retain(|inode, _| kept.contains(inode));
    }

    /// Counts an operation that reads.
    pub(super) fn reading(&mut self) -> io::Result<()> {
        self.operation(false)
    }

    /// Counts an operation that changes a file or a name, a data write apart.
    pub(super) fn changing(&mut self) -> io::Result<()> {
        self.operation(true)
    }

    fn operation(&mut self, writes: bool) -> io::Result<()> {
        match self.plan.next_operation(writes) {
            Verdict::Proceed | Verdict::Fail(SimFault::ShortWrite) => Ok(()),
            Verdict::Fail(fault) => Err(error_of(fault)),
        }
    }

    pub(super) fn used(&self) -> u64 {
        let lengths = self.names.inodes().filter_map(|id| self.inodes.get(&id));
        lengths.map(Inode::len).sum()
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        self.names.inode(path).ok_or_else(not_found)
    }

    pub(super) fn write(&mut self, inode: u64, offset: u64, data: &[u8]) -> io::Result<usize> {
        let verdict = self.plan.next_operation(true);
        let half = data.len() / 2;
        let (allowed, then) = match verdict {
            Verdict::Proceed => self.within_capacity(inode, offset, data.len()),
            Verdict::Fail(SimFault::ShortWrite) => (half.max(1).min(data.len()), None),
            Verdict::Fail(SimFault::TornWrite) => (half, Some(SimFault::TornWrite)),
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
    fn within_capacity(&self, inode: u64, offset: u64, len: usize) -> (usize, Option<SimFault>) {
        let Some(capacity) = self.capacity else {
            return (len, None);
        };
        let current = self.inodes.get(&inode).map_or(0, Inode::len);
        let free = capacity.saturating_sub(self.used());
        let room = (current + free).saturating_sub(offset);
        let allowed = usize::try_from(room).unwrap_or(usize::MAX).min(len);
        let full = allowed == 0 && len > 0;
        (allowed, full.then_some(SimFault::NoSpace))
    }
}

pub(super) fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}
