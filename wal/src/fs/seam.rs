//! What a file system does for the log. Guarantees what the room's head promises, to whoever implements it and whoever
//! calls it.

use std::io;
use std::path::Path;

/// A file system: names, directories and what makes them durable.
///
/// Handles are cheap to clone and usable from any thread.
pub trait Fs: Clone + Send + Sync + 'static {
    /// An open file of this file system.
    type File: File;
    /// An open directory of this file system.
    type Directory: Directory;

    /// Makes `dir` and its missing parents; an existing directory is no error.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes a new file and opens it for reading and writing; fails with
    /// [`io::ErrorKind::AlreadyExists`] when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens an existing file for reading only, for tools that must not change a byte.
    fn open_read(&self, path: &Path) -> io::Result<Self::File>;

    /// Renames a file, replacing a file of the new name; both names lie on one file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Handles that are still open go on working.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Names of the files in `dir`, sorted; names that are not UTF-8 and sub-directories are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Whether a file or directory of this name exists.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Length of a file in bytes.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Whether `path` leads to this open file; false also where nothing has that name. True, the default, where that cannot
    /// be told.
    fn leads_to(&self, path: &Path, file: &Self::File) -> io::Result<bool> {
        let _ = (path, file);
        Ok(true)
    }

    /// Opens a directory, to sync it later: whoever is about to change names opens it first, so that a want of descriptors
    /// shows while nothing has changed, and is told from a sync that failed.
    fn open_dir(&self, dir: &Path) -> io::Result<Self::Directory>;

    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.open_dir(dir)?.sync()
    }

    /// Bytes that can still be written in `dir`; `u64::MAX`, the default, where that is not known.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let _ = dir;
        Ok(u64::MAX)
    }

    /// 64 bits that differ between uses, histories and machines. Not for secrets.
    fn entropy(&self) -> u64;
}

/// An open directory.
pub trait Directory {
    /// Makes creations, renames and removals in it durable.
    fn sync(&self) -> io::Result<()>;
}

/// An open file, addressed by absolute offsets so that threads share it without a cursor.
pub trait File: Send + Sync + 'static {
    /// Reads up to `buffer.len()` bytes at `offset`; fewer at the end of the file, 0 past it.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes at `offset`, growing the file as needed; may write fewer bytes than asked.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize>;

    /// `fdatasync`: the bytes written so far, and the length they need, are durable on `Ok`.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts or grows the file to `len` bytes; grown bytes read as zero.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds no byte at all.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads until `buffer` is full or the file ends; returns how many bytes were there.
    fn read_full_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(offset + filled as u64, &mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Reads exactly `buffer.len()` bytes or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if self.read_full_at(offset, buffer)? < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Writes all of `data`. On an error some prefix of it may have been written.
    fn write_all_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < data.len() {
            match self.write_at(offset + written as u64, &data[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether an error says that the disk, the quota or the file-size limit is full, as opposed to broken.
///
/// Such an error before a sync is undone and retried when space returns; any other is not waited for.
#[must_use]
pub fn is_no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::WriteZero
    )
}
