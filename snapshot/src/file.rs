//! Files of the seam as streams: a cursor in front of absolute offsets, and nothing more.

use std::io::{self, Read, Write};

use wal::fs::File;

/// Reads an open file from an offset on.
#[derive(Debug)]
pub struct FileSource<F> {
    file: F,
    offset: u64,
}

impl<F: File> FileSource<F> {
    /// Reads `file` from `offset` on.
    pub fn at(file: F, offset: u64) -> Self {
        Self { file, offset }
    }
}

impl<F: File> Read for FileSource<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(self.offset, buffer)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Writes a new file from its beginning.
#[derive(Debug)]
pub struct FileSink<F> {
    file: F,
    offset: u64,
}

impl<F: File> FileSink<F> {
    pub(crate) fn new(file: F) -> Self {
        Self { file, offset: 0 }
    }

    pub(crate) fn into_file(self) -> F {
        self.file
    }
}

impl<F: File> Write for FileSink<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write_at(self.offset, bytes)?;
        self.offset += count as u64;
        Ok(count)
    }

    /// Nothing is buffered here; durability is a sync, which is asked for by name.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
