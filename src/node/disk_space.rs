//! Free space: the seam behind which the file system stands, or that of a simulation.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{StatVfs, fstatvfs, statvfs};

/// What tells how much is free. A clone asks the same.
#[derive(Debug, Clone)]
pub struct DiskSpace(SpaceSource);

#[derive(Debug, Clone)]
enum SpaceSource {
    System,
    Simulated(Arc<SimulatedSpace>),
}

impl DiskSpace {
    /// The system.
    pub fn system() -> Self {
        Self(SpaceSource::System)
    }

    /// Whoever holds `space`.
    pub fn simulated(space: Arc<SimulatedSpace>) -> Self {
        Self(SpaceSource::Simulated(space))
    }

    /// Bytes that can be written there; `u64::MAX` where the file system does not tell.
    pub fn free_bytes(&self, directory: &Path) -> u64 {
        match &self.0 {
            SpaceSource::System => bytes(statvfs(directory)),
            SpaceSource::Simulated(space) => space.bytes.load(Ordering::Relaxed),
        }
    }

    /// The same of an open directory, wherever its path leads by now.
    pub fn free_bytes_of(&self, directory: &File) -> u64 {
        match &self.0 {
            SpaceSource::System => bytes(fstatvfs(directory)),
            SpaceSource::Simulated(space) => space.bytes.load(Ordering::Relaxed),
        }
    }

    /// Files that can be made; `u64::MAX` where the file system does not tell, or makes room for them as it needs.
    pub fn free_inodes(&self, directory: &Path) -> u64 {
        match &self.0 {
            SpaceSource::System => match statvfs(directory) {
                Ok(stat) if stat.f_files > 0 => stat.f_favail,
                _ => u64::MAX,
            },
            SpaceSource::Simulated(space) => space.inodes.load(Ordering::Relaxed),
        }
    }
}

fn bytes(stat: rustix::io::Result<StatVfs>) -> u64 {
    stat.map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A file system that is as full as it is told to be.
#[derive(Debug)]
pub struct SimulatedSpace {
    bytes: AtomicU64,
    inodes: AtomicU64,
}

impl SimulatedSpace {
    /// With so much left.
    pub fn new(bytes: u64, inodes: u64) -> Self {
        Self {
            bytes: bytes.into(),
            inodes: inodes.into(),
        }
    }

    /// So much is left from now on.
    pub fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}
