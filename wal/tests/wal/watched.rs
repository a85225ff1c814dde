//! A simulated disk that is watched: it counts, refuses, and runs hooks inside calls.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use wal::fs::sim::{SimDirectory, SimFile, SimFs};
use wal::fs::{Directory, File, Fs};

#[derive(Clone)]
pub(crate) struct WatchedFs {
    pub(crate) disk: SimFs,
    pub(crate) seen: Arc<Seen>,
}

/// What was seen, and what to do.
#[derive(Default)]
pub(crate) struct Seen {
    /// Runs once, inside the next read of a file.
    pub(crate) on_read: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Runs before each sync of a file or directory.
    pub(crate) before_sync: Mutex<Option<Box<dyn FnMut() + Send>>>,
    pub(crate) opened_for_writing: Mutex<Vec<PathBuf>>,
    pub(crate) bytes_read: AtomicU64,
    /// Removals fail.
    pub(crate) refuse_removal: AtomicBool,
    /// Writes to files fail.
    pub(crate) refuse_writes: AtomicBool,
    /// Syncs of files fail, those of directories do not.
    pub(crate) refuse_syncs: AtomicBool,
    /// No directory can be opened: there is no descriptor left.
    pub(crate) refuse_directories: AtomicBool,
}

impl Seen {
    fn sync(&self) {
        if let Some(hook) = self.before_sync.lock().unwrap().as_mut() {
            hook();
        }
    }
}

/// `Too many open files`.
pub(crate) const EMFILE: i32 = 24;

pub(crate) struct WatchedDirectory {
    directory: SimDirectory,
    seen: Arc<Seen>,
}

impl Directory for WatchedDirectory {
    fn sync(&self) -> io::Result<()> {
        self.seen.sync();
        self.directory.sync()
    }
}

pub(crate) struct WatchedFile {
    file: SimFile,
    seen: Arc<Seen>,
}

impl WatchedFs {
    pub(crate) fn new(disk: SimFs) -> Self {
        let seen = Arc::default();
        Self { disk, seen }
    }

    fn wrap(&self, file: io::Result<SimFile>) -> io::Result<WatchedFile> {
        let seen = Arc::clone(&self.seen);
        Ok(WatchedFile { file: file?, seen })
    }
}

impl Fs for WatchedFs {
    type File = WatchedFile;
    type Directory = WatchedDirectory;

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }
    fn create(&self, path: &Path) -> io::Result<WatchedFile> {
        self.wrap(self.disk.create(path))
    }
    fn open(&self, path: &Path) -> io::Result<WatchedFile> {
        let mut opened = self.seen.opened_for_writing.lock().unwrap();
        opened.push(path.to_path_buf());
        self.wrap(self.disk.open(path))
    }
    fn open_read(&self, path: &Path) -> io::Result<WatchedFile> {
        self.wrap(self.disk.open_read(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        match self.seen.refuse_removal.load(Ordering::SeqCst) {
            true => Err(io::Error::other("removal refused")),
            false => self.disk.remove(path),
        }
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }
    fn len(&self, path: &Path) -> io::Result<u64> {
        self.disk.len(path)
    }
    fn open_dir(&self, dir: &Path) -> io::Result<WatchedDirectory> {
        if self.seen.refuse_directories.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        Ok(WatchedDirectory {
            directory: self.disk.open_dir(dir)?,
            seen: Arc::clone(&self.seen),
        })
    }
    fn entropy(&self) -> u64 {
        self.disk.entropy()
    }
}

impl File for WatchedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let hook = self.seen.on_read.lock().unwrap().take();
        if let Some(hook) = hook {
            hook();
        }
        let count = self.file.read_at(offset, buffer)?;
        self.seen
            .bytes_read
            .fetch_add(count as u64, Ordering::SeqCst);
        Ok(count)
    }
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        if self.seen.refuse_writes.load(Ordering::SeqCst) {
            return Err(io::Error::other("write refused"));
        }
        self.file.write_at(offset, data)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.seen.refuse_syncs.load(Ordering::SeqCst) {
            return Err(io::Error::other("sync refused"));
        }
        self.seen.sync();
        self.file.sync_data()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
