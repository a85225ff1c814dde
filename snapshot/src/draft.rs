//! Publishes a file whole or not at all: under its name there is the old file or the new one, at
//! any instant and after any crash.
//!
//! | step | a crash before it leaves | a crash after it leaves |
//! |------|--------------------------|-------------------------|
//! | 1. create `NAME.partial` | the old file | the old file, perhaps an empty `NAME.partial` |
//! | 2. write it | | the old file, any part of `NAME.partial` |
//! | 3. sync it | | the old file, all of `NAME.partial` if its name was kept |
//! | 4. rename it to `NAME` | | old or new: the name may not be on disk yet, the bytes behind it are |
//! | 5. sync the directory | old or new | the new file |
//!
//! The alternative refused is to write under the final name and mark completeness inside: every
//! reader, `cp` and backup script would have to know the mark, and the old file would be gone while
//! the new one is not there yet. `NAME.partial` is never continued: the next draft of that name
//! removes it, and so does opening the directory.

use std::path::{Path, PathBuf};

use wal::fs::{File, Fs};

use crate::error::{Error, is_in_the_way};
use crate::file::FileSink;
use crate::meta::{Meta, Summary};
use crate::section::Section;
use crate::writer::FileWriter;

/// Ends the name of what is not published yet.
pub(crate) const PARTIAL: &str = ".partial";

/// A file being written under a temporary name. Dropping it unfinished removes what was written.
#[derive(Debug)]
pub struct Draft<F: Fs> {
    fs: F,
    /// Taken by [`Draft::finish`]; while it is here, dropping removes the temporary file.
    writer: Option<FileWriter<FileSink<F::File>>>,
    temporary: PathBuf,
    target: PathBuf,
}

impl<F: Fs> Draft<F> {
    /// Begins the file that will be called `target`, whose directory must exist. A file of that
    /// name stays as it is until [`Draft::finish`] replaces it. One draft of a name at a time: the
    /// caller sees to that.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn create(fs: F, target: &Path, meta: Meta) -> Result<Self, Error> {
        let mut temporary = target.as_os_str().to_owned();
        temporary.push(PARTIAL);
        let temporary = PathBuf::from(temporary);
        if fs
            .exists(&temporary)
            .map_err(|e| Error::io(&temporary, "look for", e))?
        {
            fs.remove(&temporary)
                .map_err(|e| Error::io(&temporary, "remove", e))?;
        }
        let file = fs
            .create(&temporary)
            .map_err(|e| Error::io(&temporary, "create", e))?;
        let writer = FileWriter::new(FileSink::new(file), &temporary, meta);
        if writer.is_err() {
            discard(&fs, &temporary);
        }
        Ok(Self {
            fs,
            writer: Some(writer?),
            temporary,
            target: target.to_owned(),
        })
    }

    /// As [`FileWriter::begin`].
    ///
    /// # Errors
    /// As [`FileWriter::begin`].
    pub fn begin(&mut self, section: Section) -> Result<(), Error> {
        self.writer()?.begin(section)
    }

    /// As [`FileWriter::put`].
    ///
    /// # Errors
    /// As [`FileWriter::put`].
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.writer()?.put(key, value)
    }

    /// Closes the file, makes it durable, and only then gives it its name.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`], [`Error::Failed`]. The name then holds the old file, or,
    /// if only the sync of the directory failed, the new one without a promise that it outlives a
    /// power loss.
    pub fn finish(mut self) -> Result<Summary, Error> {
        let Some(writer) = self.writer.take() else {
            return Err(self.failed());
        };
        let published = writer.finish().and_then(|(sink, summary)| {
            publish(&self.fs, &sink.into_file(), &self.temporary, &self.target)?;
            Ok(summary)
        });
        if published.is_err() {
            discard(&self.fs, &self.temporary);
        }
        published
    }

    fn writer(&mut self) -> Result<&mut FileWriter<FileSink<F::File>>, Error> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            None => Err(Error::Failed {
                path: self.temporary.clone(),
            }),
        }
    }

    fn failed(&self) -> Error {
        Error::Failed {
            path: self.temporary.clone(),
        }
    }
}

impl<F: Fs> Drop for Draft<F> {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            discard(&self.fs, &self.temporary);
        }
    }
}

/// Steps 3 to 5.
pub(crate) fn publish<F: Fs>(
    fs: &F,
    file: &F::File,
    temporary: &Path,
    target: &Path,
) -> Result<(), Error> {
    file.sync_data()
        .map_err(|e| Error::io(temporary, "sync", e))?;
    fs.rename(temporary, target).map_err(|error| {
        let in_the_way = is_in_the_way(&error);
        let path = if in_the_way { target } else { temporary };
        Error::io(path, "rename a file to or from", error)
    })?;
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or_else(|| Path::new("."));
    fs.sync_dir(dir).map_err(|e| Error::io(dir, "sync", e))
}

/// Removes what will never be published. A failure changes nothing for anyone: the name is not one
/// that is read, and the error that led here is the one to report.
fn discard<F: Fs>(fs: &F, temporary: &Path) {
    let _ = fs.remove(temporary);
}
