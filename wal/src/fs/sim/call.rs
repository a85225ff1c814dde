//! The calls of the seam on a simulated disk. Guarantees that each counts as one operation and meets the
//! faults planned for it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

use super::disk::Inode;
use super::fault::{SimFault, Verdict, error_of};
use super::machine::SimFs;
use super::state::{SimDisk, not_found};
use crate::fs::{Directory, File, Fs};

/// An open simulated file. Dead (every call fails) after a power loss or [`SimFs::restart`].
#[derive(Debug)]
pub struct SimFile {
    disk: SimFs,
    inode: u64,
    generation: u64,
    writable: bool,
}

impl SimFs {
    fn handle(&self, inode: u64, generation: u64, writable: bool) -> SimFile {
        SimFile {
            disk: self.clone(),
            inode,
            generation,
            writable,
        }
    }
}

/// An open directory of a [`SimFs`].
#[derive(Clone, Debug)]
pub struct SimDirectory {
    disk: SimFs,
    path: PathBuf,
}

impl Directory for SimDirectory {
    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.changing()?;
        if !state.names.is_dir(&self.path) {
            return Err(not_found());
        }
        if let Verdict::Fail(fault) = state.plan.next_sync() {
            return Err(error_of(fault));
        }
        state.names.sync_dir(&self.path);
        Ok(())
    }
}

impl Fs for SimFs {
    type File = SimFile;
    type Directory = SimDirectory;

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing()?;
        state.names.make_dir(dir);
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<SimFile> {
        let mut state = self.state();
        state.changing()?;
        if !path.parent().is_some_and(|dir| state.names.is_dir(dir)) {
            return Err(not_found());
        }
        if state.names.inode(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(inode, Inode::default());
        state.names.link(path, inode);
        Ok(self.handle(inode, state.generation, true))
    }

    fn open(&self, path: &Path) -> io::Result<SimFile> {
        let mut state = self.state();
        state.reading()?;
        let inode = state.find(path)?;
        Ok(self.handle(inode, state.generation, true))
    }

    fn open_read(&self, path: &Path) -> io::Result<SimFile> {
        let mut state = self.state();
        state.reading()?;
        let inode = state.find(path)?;
        Ok(self.handle(inode, state.generation, false))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing()?;
        let inode = state.find(from)?;
        if !to.parent().is_some_and(|dir| state.names.is_dir(dir)) {
            return Err(not_found());
        }
        state.names.rename(from, to, inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing()?;
        state.find(path)?;
        state.names.unlink(path);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.reading()?;
        if !state.names.is_dir(dir) {
            return Err(not_found());
        }
        let inside = state
            .names
            .paths()
            .filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        Ok(names.collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state();
        state.reading()?;
        Ok(state.names.inode(path).is_some() || state.names.is_dir(path))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.reading()?;
        let inode = state.find(path)?;
        Ok(state.inodes.get(&inode).map_or(0, Inode::len))
    }

    fn leads_to(&self, path: &Path, file: &SimFile) -> io::Result<bool> {
        let mut state = self.state();
        state.reading()?;
        Ok(state.names.inode(path) == Some(file.inode))
    }

    fn open_dir(&self, dir: &Path) -> io::Result<SimDirectory> {
        Ok(SimDirectory {
            disk: self.clone(),
            path: dir.to_owned(),
        })
    }

    fn entropy(&self) -> u64 {
        self.state().entropy.next_u64()
    }
}

impl SimFile {
    fn state(&self) -> io::Result<MutexGuard<'_, SimDisk>> {
        let state = self.disk.state();
        if state.generation != self.generation {
            return Err(io::Error::other("handle from before the simulated restart"));
        }
        Ok(state)
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.writable {
            true => Ok(()),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

impl File for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state()?;
        state.reading()?;
        let inode = state.inodes.get(&self.inode).ok_or_else(not_found)?;
        Ok(inode.read(offset, buffer))
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        self.check_writable()?;
        self.state()?.write(self.inode, offset, data)
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = &mut *self.state()?;
        let verdict = match state.changing() {
            Ok(()) => state.plan.next_sync(),
            Err(_) => Verdict::Fail(SimFault::Eio),
        };
        let inode = state.inodes.get_mut(&self.inode).ok_or_else(not_found)?;
        match verdict {
            Verdict::Proceed => {
                inode.sync();
                Ok(())
            }
            Verdict::Fail(fault) => {
                inode.sync_failed();
                Err(error_of(fault))
            }
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let state = &mut *self.state()?;
        state.changing()?;
        let number = state.writes;
        state.writes += 1;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let inode = state.inodes.get_mut(&self.inode).ok_or_else(not_found)?;
        inode.set_len(len, number);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.state()?;
        state.reading()?;
        let inode = state.inodes.get(&self.inode).ok_or_else(not_found)?;
        Ok(inode.len())
    }
}
