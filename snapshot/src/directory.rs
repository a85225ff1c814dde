//! A directory of published files: what is there, newest first, and what may go.
//!
//! The names tell all of that (see `name.rs`): a listing opens no file. Other names are left alone, except for unpublished
//! drafts.

use std::path::{Path, PathBuf};

use wal::fs::Fs;

use crate::draft::{Draft, PARTIAL};
use crate::error::Error;
use crate::file::FileSource;
use crate::meta::Meta;
use crate::name::{file_path, parse};
use crate::position::FilePosition;
use crate::reader::FileReader;
use crate::receiver::{PARTIAL_NAME, Receiver};

/// A published file, as its name tells. Ordered by age, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedFile {
    /// The Raft index of the last entry inside.
    pub index: u64,
    /// The Raft term of that entry.
    pub term: u64,
    /// Where the file is.
    pub path: PathBuf,
}

/// A directory of snapshot files, used by one process at a time.
#[derive(Debug, Clone)]
pub struct SnapshotDirectory<F> {
    fs: F,
    path: PathBuf,
}

impl<F: Fs> SnapshotDirectory<F> {
    /// Makes the directory durable in its parent, and opens it. An existing one is no error.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn create(fs: F, path: &Path) -> Result<Self, Error> {
        fs.create_dir_all(path)
            .map_err(|e| Error::io(path, "create", e))?;
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            fs.sync_dir(parent)
                .map_err(|e| Error::io(parent, "sync", e))?;
        }
        Self::open(fs, path)
    }

    /// Opens an existing directory and removes the drafts that a crash left. A transfer that broke
    /// off stays: see [`SnapshotDirectory::receive`].
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(fs: F, path: &Path) -> Result<Self, Error> {
        let directory = Self {
            fs,
            path: path.to_owned(),
        };
        for name in directory.names()? {
            if name
                .strip_suffix(PARTIAL)
                .is_some_and(|name| parse(name).is_some())
            {
                let leftover = path.join(name);
                directory
                    .fs
                    .remove(&leftover)
                    .map_err(|e| Error::io(&leftover, "remove", e))?;
            }
        }
        Ok(directory)
    }

    /// Where the directory is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The published files, newest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<PublishedFile>, Error> {
        let mut files: Vec<PublishedFile> = self
            .names()?
            .into_iter()
            .filter_map(|name| {
                let (index, term) = parse(&name)?;
                Some(PublishedFile {
                    index,
                    term,
                    path: self.path.join(name),
                })
            })
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        Ok(files)
    }

    /// Begins the file for the state that `meta` names.
    ///
    /// # Errors
    /// As [`Draft::create`].
    pub fn draft(&self, meta: Meta) -> Result<Draft<F>, Error> {
        Draft::create(self.fs.clone(), &file_path(&self.path, &meta), meta)
    }

    /// Removes what stands under the name of the file for the state that `meta` names, if anything does.
    ///
    /// # Errors
    /// [`Error::Io`]: it is no file, and would be in the way of one.
    pub fn clear(&self, meta: &Meta) -> Result<(), Error> {
        let path = file_path(&self.path, meta);
        let there = self.fs.exists(&path);
        if there.map_err(|e| Error::io(&path, "look for", e))? {
            self.fs
                .remove(&path)
                .map_err(|e| Error::io(&path, "remove", e))?;
        }
        Ok(())
    }

    /// Opens a published file from its beginning.
    ///
    /// # Errors
    /// As [`FileReader::new`].
    pub fn read(&self, file: &PublishedFile) -> Result<FileReader<FileSource<F::File>>, Error> {
        FileReader::new(self.source(&file.path, 0)?, &file.path)
    }

    /// How many bytes a published file has.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn file_len(&self, file: &PublishedFile) -> Result<u64, Error> {
        let len = self.fs.len(&file.path);
        len.map_err(|error| Error::io(&file.path, "look at", error))
    }

    /// Opens a published file where another reader of it stood.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn resume(
        &self,
        file: &PublishedFile,
        meta: Meta,
        position: FilePosition,
    ) -> Result<FileReader<FileSource<F::File>>, Error> {
        let source = self.source(&file.path, position.offset())?;
        Ok(FileReader::resume(source, &file.path, meta, position))
    }

    /// Begins or continues the one transfer into this directory.
    ///
    /// # Errors
    /// As [`Receiver::open`].
    pub fn receive(&self) -> Result<Receiver<F>, Error> {
        Receiver::open(self.fs.clone(), &self.path)
    }

    /// Makes a file that [`Receiver::finish`] has published a transfer again, whole: what is to be done with it failed, and the
    /// bytes need not come once more.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put_back(&self, file: &PublishedFile) -> Result<(), Error> {
        let partial = self.path.join(PARTIAL_NAME);
        self.fs
            .rename(&file.path, &partial)
            .map_err(|e| Error::io(&file.path, "rename", e))
    }

    /// Removes all published files but the `keep` newest, oldest first, and returns what went. A
    /// crash in between leaves more than was asked for, never less.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn retain(&self, keep: usize) -> Result<Vec<PublishedFile>, Error> {
        let mut files = self.list()?;
        let mut surplus = files.split_off(keep.min(files.len()));
        surplus.reverse();
        for file in &surplus {
            self.fs
                .remove(&file.path)
                .map_err(|e| Error::io(&file.path, "remove", e))?;
        }
        if !surplus.is_empty() {
            self.fs
                .sync_dir(&self.path)
                .map_err(|e| Error::io(&self.path, "sync", e))?;
        }
        Ok(surplus)
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        self.fs
            .list(&self.path)
            .map_err(|e| Error::io(&self.path, "list", e))
    }

    fn source(&self, path: &Path, offset: u64) -> Result<FileSource<F::File>, Error> {
        let file = self
            .fs
            .open_read(path)
            .map_err(|e| Error::io(path, "open", e))?;
        Ok(FileSource::at(file, offset))
    }
}
