//! Simulated directories. Guarantees that a name change is durable after a directory sync, and may be
//! lost by a power loss before it, alone or together with others, in any combination.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::random::SplitMix64;

/// Names of the whole file system; each maps to the number of an inode.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    live: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    pending: Vec<NameChange>,
    directories: BTreeSet<PathBuf>,
}

/// One name change, atomic on its own.
#[derive(Clone, Debug)]
enum NameChange {
    Link {
        path: PathBuf,
        inode: u64,
    },
    Unlink {
        path: PathBuf,
    },
    Move {
        from: PathBuf,
        to: PathBuf,
        inode: u64,
    },
}

impl NameChange {
    fn touches(&self, dir: &Path) -> bool {
        match self {
            Self::Link { path, .. } | Self::Unlink { path } => path.parent() == Some(dir),
            Self::Move { from, to, .. } => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Link { path, inode } => {
                names.insert(path, inode);
            }
            Self::Unlink { path } => {
                names.remove(&path);
            }
            Self::Move { from, to, inode } => {
                if names.get(&from) == Some(&inode) {
                    names.remove(&from);
                }
                names.insert(to, inode);
            }
        }
    }
}

impl Names {
    /// Directories are durable when made: their loss would only repeat the loss of what is in them.
    pub(super) fn make_dir(&mut self, dir: &Path) {
        self.directories
            .extend(dir.ancestors().map(Path::to_path_buf));
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        self.directories.contains(path)
    }

    pub(super) fn inode(&self, path: &Path) -> Option<u64> {
        self.live.get(path).copied()
    }

    /// Inodes with a name.
    pub(super) fn inodes(&self) -> impl Iterator<Item = u64> {
        self.live.values().copied()
    }

    /// Inodes that have a name, or may have one again after a power loss.
    pub(super) fn reachable(&self) -> BTreeSet<u64> {
        let pending = self.pending.iter().filter_map(|change| match change {
            NameChange::Link { inode, .. } | NameChange::Move { inode, .. } => Some(*inode),
            NameChange::Unlink { .. } => None,
        });
        let named = self.live.values().chain(self.durable.values()).copied();
        named.chain(pending).collect()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.live.keys()
    }

    pub(super) fn link(&mut self, path: &Path, inode: u64) {
        let path = path.to_path_buf();
        self.change(NameChange::Link { path, inode });
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        let path = path.to_path_buf();
        self.change(NameChange::Unlink { path });
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, inode: u64) {
        let (from, to) = (from.to_path_buf(), to.to_path_buf());
        self.change(NameChange::Move { from, to, inode });
    }

    fn change(&mut self, change: NameChange) {
        change.clone().apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        for change in self.pending.extract_if(.., |change| change.touches(dir)) {
            change.apply(&mut self.durable);
        }
    }

    /// Half of the losses keep a prefix of the changes, as a journal does; half keep any subset of them.
    pub(super) fn power_loss(&mut self, random: &mut SplitMix64) {
        let pending = std::mem::take(&mut self.pending);
        let prefix = random
            .one_in(2)
            .then(|| random.below(pending.len() as u64 + 1) as usize);
        for (position, change) in pending.into_iter().enumerate() {
            let arrived = match prefix {
                Some(count) => position < count,
                None => random.one_in(2),
            };
            if arrived {
                change.apply(&mut self.durable);
            }
        }
        self.live.clone_from(&self.durable);
    }

    /// Makes everything durable: a machine that went on long enough to write all back.
    pub(super) fn settle(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.live);
    }
}
