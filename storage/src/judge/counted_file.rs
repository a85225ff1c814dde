//! A file that is only read. Every read is counted, so that the cost of a judgement can be told and
//! bounded.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a judgement has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Calls that read from a file.
    pub reads: u64,
    /// Bytes that these calls brought.
    pub bytes_read: u64,
    /// Bytes whose checksum was computed.
    pub bytes_summed: u64,
}

/// An open file and the count that its reads go to.
pub(super) struct CountedFile<'e> {
    file: File,
    pub(super) effort: &'e mut Effort,
}

impl<'e> CountedFile<'e> {
    /// Opens for reading only. The caller has made sure that it is a regular file: to open a pipe
    /// would wait for its other end.
    pub(super) fn open(path: &Path, effort: &'e mut Effort) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { file, effort })
    }

    /// Fills `buffer` from `offset` on as far as the file reaches, and says how far.
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            self.effort.reads += 1;
            match self
                .file
                .read_at(&mut buffer[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.effort.bytes_read += filled as u64;
        Ok(filled)
    }
}
